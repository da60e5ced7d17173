# SPDX-License-Identifier: Apache-2.0
"""Policies of the service as a whole: services, quotas and limits."""

from manila_backup.policies import base

AVAILABILITY_ZONES = 'availability_zone:index'
SERVICES = 'service:index'
LIMITS = 'limits:index'
QUOTA_SHOW = 'quota_set:show'
QUOTA_UPDATE = 'quota_set:update'
QUOTA_DELETE = 'quota_set:delete'
QUOTA_CLASS_SHOW = 'quota_class_set:show'
QUOTA_CLASS_UPDATE = 'quota_class_set:update'

RULES = [
    base.rule(AVAILABILITY_ZONES, base.READER, 'List availability zones.',
              'GET /v2/availability-zones'),
    base.rule(SERVICES, base.ADMIN,
              'List the service\'s processes and whether they are alive.',
              'GET /v2/services'),
    base.rule(LIMITS, base.READER,
              'Show the quotas of one\'s project and their usage.',
              'GET /v2/limits'),
    base.rule(QUOTA_SHOW, base.READER, 'Show the quotas of a project.',
              'GET /v2/quota-sets/{project_id}',
              'GET /v2/quota-sets/{project_id}/detail',
              'GET /v2/quota-sets/{project_id}/defaults'),
    base.rule(QUOTA_UPDATE, base.ADMIN, 'Set the quotas of a project.',
              'PUT /v2/quota-sets/{project_id}'),
    base.rule(QUOTA_DELETE, base.ADMIN,
              'Reset the quotas of a project to the defaults.',
              'DELETE /v2/quota-sets/{project_id}'),
    base.rule(QUOTA_CLASS_SHOW, base.READER, 'Show the default quotas.',
              'GET /v2/quota-class-sets/default'),
    base.rule(QUOTA_CLASS_UPDATE, base.ADMIN, 'Set the default quotas.',
              'PUT /v2/quota-class-sets/default'),
]
