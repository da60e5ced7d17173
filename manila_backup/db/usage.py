# SPDX-License-Identifier: Apache-2.0
"""Usage of quotas by projects."""

import sqlalchemy as sa

from manila_backup.db import models


def of_table(conn, table, project_id):
    """Count a project's resources of one kind, and sum up their sizes.

    :param table: that of shares, snapshots or backups.
    :returns: (number of things, sum of their sizes in GiB).
    """
    row = conn.execute(
        sa.select(sa.func.count(), sa.func.sum(table.c.size))
        .where(table.c.project_id == project_id)).one()
    return row[0], int(row[1] or 0)


def of_project(conn, project_id):
    """Read a project's usage of each resource that has a quota, over all
    tables in one statement.

    :returns: dict of resource to a number: of things, or of GiB.
    """
    columns = []
    for table, things, size in (
            (models.shares, 'shares', 'gigabytes'),
            (models.snapshots, 'snapshots', 'snapshot_gigabytes'),
            (models.share_backups, 'backups', 'backup_gigabytes')):
        for name, value in ((things, sa.func.count(table.c.id)),
                            (size, sa.func.sum(table.c.size))):
            columns.append(
                sa.select(value).where(table.c.project_id == project_id)
                .scalar_subquery().label(name))
    row = conn.execute(sa.select(*columns)).one()
    return {name: int(value or 0) for name, value in row._mapping.items()}


def availability_zones(conn):
    """The zones that shares or services are in, as a list of str."""
    zones = sa.union(*(
        sa.select(table.c.availability_zone).where(
            table.c.availability_zone.is_not(None))
        for table in (models.services, models.shares)))
    return sorted(conn.execute(zones).scalars())
