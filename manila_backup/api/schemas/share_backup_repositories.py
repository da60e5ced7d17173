# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about the repositories."""

from manila_backup.api.schemas import types

LIST = {'backup_type': types.text}
