# SPDX-License-Identifier: Apache-2.0
"""Rows in whatever status a test begins with."""

from manila_backup.db import rows


def put(conn, table, id_, values, **expected):
    """Change a row, as :func:`manila_backup.db.rows.update` does but with its
    status, and whatever that was."""
    return rows.swap(conn, table, id_, values, expected)
