# SPDX-License-Identifier: Apache-2.0
"""What the views have in common."""

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


def next_link(req, path, limit, offset):
    """The link to the next page of a list: the same question from another
    offset on.

    :param limit: int, how many this page has.
    :param offset: int, where the next page begins.
    """
    query = {**req.params, 'limit': limit, 'offset': offset}
    return [{'rel': 'next',
             'href': f'{req.link(path)}?{parse.urlencode(query)}'}]
