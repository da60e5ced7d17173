# SPDX-License-Identifier: Apache-2.0
"""Usage by projects: of quotas, and of what is billed."""

import sqlalchemy as sa

from manila_backup.db import counts
from manila_backup.db import listing
from manila_backup.db import models
from manila_backup import states


def of_table(conn, table, project_id):
    """Count a project's resources of one kind, and sum up their sizes.

    :param table: that of shares, snapshots or backups.
    :returns: (number of things, sum of their sizes in GiB).
    """
    row = conn.execute(
        sa.select(sa.func.count(), sa.func.sum(table.c.size))
        .where(table.c.project_id == project_id)).one()
    return row[0], int(row[1] or 0)


def backups_of_project(conn, project_id):
    """Count a project's backups, and sum up what they take.

    :returns: (number of them, sum of their shares' sizes in GiB, sum of the
        bytes that they have added to the repositories, as far as that is
        known).
    """
    table = models.share_backups
    row = conn.execute(
        sa.select(sa.func.count(), sa.func.sum(table.c.size),
                  counts.total(table.c.stored_bytes))
        .where(table.c.project_id == project_id)).one()
    return row[0], int(row[1] or 0), int(row[2] or 0)


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


def of_backups(conn, project_id=None, key=None, limit=None, offset=0,
               by_day=False):
    """Sum up the backups of each project, in a definite order.

    :param project_id: str, or None for all projects.
    :param key: str, a column to have a sum for each value of, within a
        project.
    :param limit: int, the most rows to return, or None for all.
    :param offset: int, how many rows to skip.
    :param by_day: bool, whether to have a sum for each day of UTC on which
        backups were created, within that.
    :returns: list of rows: ``project_id``, the key, ``day`` (if that is asked
        for; as a date, or a text of one), ``backups`` (how many),
        ``gigabytes`` (the sizes of their shares), ``content_bytes`` and
        ``stored_bytes`` (as far as those are known; null if of none),
        ``measured`` (of how many backups the latter is known),
        ``last_backup_at`` (when the last one was created).
    """
    table = models.share_backups
    project = table.c.project_id
    group = [project, *([table.c[key]] if key else [])]
    days = [sa.func.date(table.c.created_at).label('day')] if by_day else []
    if project_id is not None:
        # Sorting by what is the same for all takes as long as the sums do.
        project = sa.literal(project_id).label('project_id')
        del group[0]
    query = sa.select(
        project, *([table.c[key]] if key else []), *days,
        sa.func.count().label('backups'),
        sa.func.sum(table.c.size).label('gigabytes'),
        counts.total(table.c.content_bytes).label('content_bytes'),
        counts.total(table.c.stored_bytes).label('stored_bytes'),
        sa.func.count(table.c.stored_bytes).label('measured'),
        sa.func.max(table.c.created_at).label('last_backup_at'))
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    return conn.execute(
        query.group_by(*group, *days).having(sa.func.count() > 0)
        .order_by(*map(listing.by_code, group), *days)
        .limit(limit).offset(offset)).all()


#: How many rows a page of an audit has.
PAGE = 500


def created_before(conn, moment, marker=None):
    """A page of the backups of all projects that were created before a time.

    :param moment: datetime.
    :param marker: (when it was created, id) of the last one of the page
        before.
    :returns: list of rows, the oldest first.
    """
    table = models.share_backups
    query = sa.select(table).where(table.c.created_at < moment)
    return _page(conn, query, (table.c.created_at, table.c.id), marker)


def deleted_since(conn, moment, marker=None):
    """A page of the deletions of backups that were done at a time or later,
    as far as they have not been purged.

    :param moment: datetime.
    :param marker: (when it was done, id) of the last one of the page before.
    :returns: list of rows of operations, the earliest first.
    """
    table = models.operations
    query = sa.select(table).where(
        table.c.finished_at >= moment,
        table.c.kind == str(states.Kind.BACKUP_DELETE),
        table.c.status == str(states.Operation.DONE))
    return _page(conn, query, (table.c.finished_at, table.c.id), marker)


def _page(conn, query, key, marker):
    if marker:
        # Spelt out, an index is used by every database.
        first, second = key
        query = query.where(first >= marker[0], sa.or_(
            first > marker[0], second > marker[1]))
    return conn.execute(query.order_by(*key).limit(PAGE)).all()
