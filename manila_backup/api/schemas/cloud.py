# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about services and quotas."""

from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup.conf import quota as quota_conf

QUOTA_RESOURCE = 'quota_set'
QUOTA_CLASS_RESOURCE = 'quota_class_set'

LIMIT = {'type': 'integer', 'minimum': -1, 'maximum': types.MAX_INTEGER}

_LIMITS = dict.fromkeys((name for name in quota_conf.RESOURCES
                         if name not in quota_conf.BEYOND), LIMIT)

# What clients send along with the quotas is taken and ignored.
QUOTA_SET = validation.Schema(types.wrapped(QUOTA_RESOURCE, {
    **_LIMITS, 'force': types.BOOLEAN, 'tenant_id': types.TEXT,
    'project_id': types.TEXT, 'id': types.TEXT,
}), QUOTA_RESOURCE)

QUOTA_CLASS_SET = validation.Schema(types.wrapped(QUOTA_CLASS_RESOURCE, {
    **_LIMITS, 'class_name': types.TEXT, 'id': types.TEXT,
}), QUOTA_CLASS_RESOURCE)


def limits(asked):
    """The limits that part of a body holds, as a dict."""
    return {name: value for name, value in asked.items() if name in _LIMITS}


#: What a list of services can be filtered by.
LIST_SERVICES = dict.fromkeys(
    ('binary', 'host', 'zone', 'state', 'status'), types.text)
