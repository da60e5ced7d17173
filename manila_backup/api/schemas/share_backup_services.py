# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about the workers."""

from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup import states

RESOURCE = 'share_backup_service'

LIST = {
    'binary': types.text,
    'host': types.text,
    'status': types.one_of(*states.ServiceMode),
    'state': types.one_of('up', 'down'),
}

ENABLE = validation.Schema(types.obj({'enable': types.NOTHING}, ['enable']))

DISABLE = validation.Schema(types.action('disable', {'reason': types.TEXT}))

DRAIN = validation.Schema(types.action('drain', {'reason': types.TEXT}))
