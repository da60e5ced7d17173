# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about backup policies and the coverage by them."""

from manila_backup.api import extension
from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup.plans import assignments
from manila_backup.plans import retention
from manila_backup.plans import schedule
from manila_backup import states

RESOURCE = 'share_backup_policy'

_NAME = {'type': 'string', 'minLength': 1, 'maxLength': 255}
_ZONE = {'type': 'string', 'minLength': 1, 'maxLength': 64}


def _seconds(least, most):
    return {'type': 'integer', 'minimum': least, 'maximum': most}


_RULE = types.obj({
    'name': _NAME,
    'cron': {'type': 'string', 'minLength': 1,
             'maxLength': schedule.MAX_CRON},
    'timezone': _ZONE,
    'start_window': _seconds(60, 7 * 86400),
    'jitter': _seconds(0, 86400),
    'backup_type': {'type': ['string', 'null'], 'maxLength': 64},
    # The driver's own schema says which.
    'backup_options': types.STRINGS,
    'name_template': types.TEXT,
}, ['name', 'cron'])

#: Numbers of backups; ``within`` has seconds, up to a hundred years.
_RETENTION = types.obj({
    name: {'type': ['integer', 'null'], 'minimum': 0,
           'maximum': 10000 if name != 'within' else 36525 * 86400}
    for name in retention.RULES})

_VALUES = {
    'name': _NAME,
    'description': types.TEXT,
    'is_public': types.BOOLEAN,
    'enabled': types.BOOLEAN,
    'timezone': _ZONE,
    'rules': {'type': 'array', 'items': _RULE, 'maxItems': 20},
    'retention': _RETENTION,
}

CREATE = validation.Schema(
    types.wrapped(RESOURCE, _VALUES, required=['name']), RESOURCE)

UPDATE = validation.Schema(types.wrapped(RESOURCE, {
    **_VALUES,
    'confirm_deletions': {'type': 'integer', 'minimum': 0,
                          'maximum': types.MAX_INTEGER},
}), RESOURCE)

ASSIGN = validation.Schema(types.wrapped('assignment', {
    'kind': {'type': 'string', 'enum': list(assignments.KINDS)},
    'target': {'type': 'string', 'minLength': 1, 'maxLength': 255},
    'project_id': types.TEXT,
    'mandatory': types.BOOLEAN,
}, required=['kind', 'target']), 'assignment')

ENABLE = validation.Schema(types.action_without_arguments('enable'))

DISABLE = validation.Schema(types.action_without_arguments('disable'))

RUN_NOW = validation.Schema(types.action(
    'run_now', {'rule': _NAME, 'share_id': types.UUID}))

SIMULATE = validation.Schema(types.action('simulate', {
    'at': {'type': 'string', 'maxLength': 40},
    'retention': _RETENTION,
    'timezone': _ZONE,
    'share_id': types.UUID,
    'orphaned': types.BOOLEAN,
    'limit': {'type': 'integer', 'minimum': 0, 'maximum': 100},
}))

#: Names that callers sort by, and the columns they mean.
SORT_KEYS = {name: name for name in (
    'id', 'name', 'project_id', 'created_at', 'updated_at')}

LIST = {
    'name': types.text,
    'name~': types.text,
    'is_public': types.boolean,
    'enabled': types.boolean,
    **types.page(SORT_KEYS),
    'with_count': types.boolean,
    **types.SCOPE,
}

RUNS = {
    'limit': types.count,
    **{name: types.since(extension.RUNS, convert) for name, convert in (
        ('marker', types.uuid),
        ('status', types.one_of(*states.Run)),
        ('share_id', types.uuid),
        ('since', types.moment),
        ('with_count', types.boolean))},
}

COVERAGE = {
    'protected': types.boolean,
    'limit': types.count,
    'marker': types.uuid,
    'with_count': types.since(extension.SUMS, types.boolean),
    **types.SCOPE,
}
