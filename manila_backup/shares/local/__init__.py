# SPDX-License-Identifier: Apache-2.0
"""Shares that this service keeps itself."""

# The entry point's name for it.
from manila_backup.shares.local.source import LocalShares

__all__ = ('LocalShares',)
