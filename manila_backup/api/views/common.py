# SPDX-License-Identifier: Apache-2.0
"""Functions that the views share."""

from urllib import parse


def timestamp(value):
    """A database's time as OpenStack writes it, or None.

    ``2023-08-16T13:03:59.000000``
    """
    return value and value.isoformat(timespec='microseconds')


def links(req, path):
    """The ``links`` of a resource.

    :param path: str, the resource's, after the prefix.
    """
    prefix = req.url_prefix
    project = prefix[len('/v2'):]
    return [{'rel': 'self', 'href': f'{req.base_url}/v2{project}{path}'},
            {'rel': 'bookmark', 'href': f'{req.base_url}{project}{path}'}]


#: What the links of a list are called that goes on: as Manila has it, and as
#: openstacksdk derives it from the list's own name.
_LINKS = {
    'share_backup_coverage': ('share_backup_coverage_links',),
    'share_backup_policies': ('share_backup_policies_links',),
    'changes': ('changes_links',),
    'files': ('files_links',),
    'runs': ('runs_links',),
    'share_backup_file_versions': ('share_backup_file_versions_links',),
    'share_backup_operations': ('share_backup_operations_links',),
    'share_backup_usage': ('share_backup_usage_links',),
    'share_backups': ('share_backup_links', 'share_backups_links'),
    'shares': ('shares_links',),
    'snapshots': ('share_snapshots_links', 'snapshots_links'),
    'messages': ('messages_links',),
    'warnings': ('warnings_links',),
}


def link_names(name):
    """The keys of the links of a list, as a tuple of str.

    :param name: str, what the list is called in the body.
    """
    return _LINKS[name]


def next_links(req, path, name, limit, **where):
    """The link to the next page of a list: the same question about what
    follows, under each of its names.

    :param name: str, what the list is called in the body.
    :param limit: int, how many this page has.
    :param where: ``offset``, how many to leave out; or ``marker``, the id of
        the last one that was told.
    :returns: dict.
    """
    query = {key: value for key, value in req.params.items()
             if key not in ('limit', 'offset', 'marker')}
    query.update(limit=limit, **where)
    link = [{'rel': 'next',
             'href': f'{req.link(path)}?{parse.urlencode(query)}'}]
    return dict.fromkeys(link_names(name), link)
