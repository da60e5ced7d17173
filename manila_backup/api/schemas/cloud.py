# SPDX-License-Identifier: Apache-2.0
"""What requests about services and quotas may hold."""

from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup.conf import quota as quota_conf

QUOTA_RESOURCE = 'quota_set'

_LIMIT = {'type': 'integer', 'minimum': -1, 'maximum': types.MAX_INTEGER}

#: What clients send along with the quotas there are.
_IGNORED = {'force': types.BOOLEAN, 'tenant_id': types.TEXT,
            'project_id': types.TEXT, 'id': types.TEXT}

QUOTA_SET = validation.Schema(types.wrapped(QUOTA_RESOURCE, {
    **{opt.dest: _LIMIT for opt in quota_conf.OPTS}, **_IGNORED,
}), QUOTA_RESOURCE)

#: What a list of services can be filtered by.
LIST_SERVICES = dict.fromkeys(
    ('binary', 'host', 'zone', 'state', 'status'), types.text)
