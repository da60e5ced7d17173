# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about the quotas of share backups."""

from manila_backup.api.schemas import cloud
from manila_backup.api.schemas import types
from manila_backup.api import validation
from manila_backup.conf import quota as quota_conf

RESOURCE = 'share_backup_quota'

UPDATE = validation.Schema(types.wrapped(
    RESOURCE, dict.fromkeys(quota_conf.BACKUPS, cloud.LIMIT),
    minProperties=1), RESOURCE)
