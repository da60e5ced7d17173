# SPDX-License-Identifier: Apache-2.0
"""Functions that handlers share: look-up of resources, and paging of lists."""

from manila_backup.api import faults
from manila_backup.api import request
from manila_backup.api.views import common as views
from manila_backup import exception


def find(req, get, what, id_):
    """The row that a path names.

    :param get: a query module's ``get``.
    :param what: str, what it is, for the message.
    :returns: the row, if the caller may know that it exists.
    :raises manila_backup.exception.NotFound: there is none, or it is
        another project's and the policy lets the caller find none of those.
    """
    row = req.services.database.read(get, request.uuid(id_), req.scope)
    if row is None:
        raise exception.NotFound(what, id_)
    return row


def visible(req, rule, get, what, id_):
    """The row that a path names, which the caller may see: of one's own
    project, about which the policy was asked already, or of another one,
    about which it is asked here.

    :param rule: str, the policy rule's name.
    :param get: a query module's ``get``.
    :param what: str, what it is, for the message.
    """
    row = find(req, get, what, id_)
    if row.project_id != req.context.project_id:
        req.authorize(rule, row.project_id)
    return row


def authorize_target(req, rule, get, what, id_):
    """Make sure that the caller may change what a path names.

    Whoever finds things of his own project only was asked about already; the
    rest is found and asked about here.

    :param rule: str, the policy rule's name.
    :returns: str, the id in canonical form.
    """
    if req.scope is not None:
        return request.uuid(id_)
    return visible(req, rule, get, what, id_).id


def authorize_share(req, rule, share_id):
    """Make sure that the caller may make something of a share that is
    another project's; who finds his own project's only never reaches one.

    :param rule: str, the policy rule's name.
    :param share_id: str, as the body has it.
    :returns: str, the id in canonical form.
    """
    share_id = share_id.lower()
    if req.scope is None:
        project_id = req.services.admission.backups.project_of(share_id)
        if project_id not in (None, req.context.project_id):
            req.authorize(rule, project_id)
    return share_id


def names(asked):
    """A new name and description, under either of the names that clients
    write them by.

    :param asked: dict, part of a body.
    :returns: dict with ``name``, ``description``, both or neither.
    """
    values = {}
    for name in ('name', 'description'):
        for key in (name, f'display_{name}'):
            if key in asked:
                values[name] = asked[key]
    return values


def list_scope(req, params):
    """Whose things a list holds: takes ``all_tenants``, ``all_projects``
    and ``project_id`` out of the parameters.

    They count for those who find things of all projects. Others get their own
    project's as if they had not asked: clients ask whoever they run for.

    :returns: a project's id, or None for all projects.
    """
    everyone = [params.pop(name, False)
                for name in ('all_tenants', 'all_projects')]
    project_id = params.pop('project_id', None)
    own = req.context.project_id
    if not any(everyone) and project_id in (None, own):
        return own
    return project_id if req.scope is None else own


def listed(req, path, params, key, sort_keys, view, get, list_page,
           count_all):
    """The body of a list.

    :param params: dict; what cuts and orders the list is taken out of it.
    :param key: str, what the list is called in the body.
    :param sort_keys: dict of sort key to column name.
    :param view: makes a list of dicts of a list of rows.
    :param get: the query module's ``get``.
    :param list_page: called with a connection and the arguments of
        :func:`page`.
    :param count_all: called with a connection, if the count is asked for.
    """
    cut = page(req, params)
    cut['sort_key'] = sort_keys[cut['sort_key']]
    with_count = params.pop('with_count', False)

    def query(conn):
        if cut['marker'] and not get(conn, cut['marker'], req.scope):
            raise faults.bad_request(
                f'marker: {cut["marker"]} could not be found.')
        return (list_page(conn, **cut),
                count_all(conn) if with_count else None)

    rows, count = req.services.database.read(query)
    body = paged(req, path, key, cut, rows, view)
    if with_count:
        body['count'] = count
    return body


def drop_unless_allowed(req, rule, project_id, params, names_):
    """Take out of a list's parameters those that not everybody knows, unless
    the caller does.

    :param rule: str, the name of the policy rule of who does.
    :param project_id: str, whose things are listed; None for all projects'.
    :param names_: tuple of str.
    """
    if not req.allows(rule, project_id):
        for name in names_:
            params.pop(name, None)


def limit_of(req, params):
    """Takes the number of items that a page may have out of the parameters,
    as int."""
    most = req.services.conf.api.max_limit
    return min(params.pop('limit', most), most)


def page(req, params):
    """Takes what cuts and orders a list out of the parameters.

    :returns: dict of the arguments that ``list_page`` functions take; the
        limit is one more than the page can hold, to see whether it is the
        last.
    """
    limit = limit_of(req, params)
    marker = params.pop('marker', None)
    offset = params.pop('offset', 0)
    return {
        'limit': limit + 1 if limit else 0,
        # Clients that go on from a marker still send the last link's.
        'offset': 0 if marker else offset,
        'marker': marker,
        'sort_key': params.pop('sort_key', 'created_at'),
        'descending': params.pop('sort_dir', 'desc') == 'desc',
    }


def paged(req, path, name, cut, rows, view):
    """A page as an answer.

    :param path: str, the list's path after the prefix.
    :param name: str, what it is a list of; the links' names follow from it.
    :param cut: what :func:`page` returned.
    :param rows: what the query returned for it.
    :param view: function of rows to a list of dicts.
    """
    size = max(cut['limit'] - 1, 0)
    body = {name: view(rows[:size])}
    if len(rows) > size:
        where = ({'marker': rows[size - 1].id} if cut['marker'] and size
                 else {'offset': cut['offset'] + size})
        body.update(views.next_links(req, path, name, size, **where))
    return body
