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


def _with_reason(name):
    return validation.Schema(types.obj({name: {
        'type': ['object', 'null'],
        'properties': {'reason': types.TEXT},
        'additionalProperties': False}}, [name]))


DISABLE = _with_reason('disable')
DRAIN = _with_reason('drain')
