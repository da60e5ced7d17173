# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about the metadata of share backups."""

from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup.db import models

#: As Manila has them; but see :mod:`manila_backup.db.backup_metadata`.
ITEMS = {
    'type': 'object',
    'maxProperties': 128,
    'propertyNames': {
        'pattern': '^[^ /](?:[\\s\\S]{0,253}[^ /])?' + types.END,
        'description': 'an object whose names have 1 to 255 characters and '
                       'neither begin nor end with a space or a slash'},
    'additionalProperties': {'type': 'string', 'minLength': 1,
                             'maxLength': models.MAX_VALUE},
}

METADATA = validation.Schema(types.obj({'metadata': ITEMS}, ['metadata']))

ITEM = validation.Schema(types.obj(
    {'metadata': {**ITEMS, 'minProperties': 1, 'maxProperties': 1}},
    ['metadata']))
