# SPDX-License-Identifier: Apache-2.0
"""Kinds of members that response bodies have, and of bodies."""

from manila_backup.api.schemas import types
from manila_backup.api.views import common as views
from manila_backup import status_codes

TEXT = {'type': 'string'}
TEXT_OR_NULL = {'type': ['string', 'null']}
COUNT = {'type': 'integer', 'minimum': 0}
COUNT_OR_NULL = {'type': ['integer', 'null'], 'minimum': 0}
BOOLEAN = {'type': 'boolean'}
NULL = {'type': 'null'}
STRINGS = {'type': 'object', 'additionalProperties': TEXT}
NOTHING_IN_IT = {'type': 'object', 'maxProperties': 0}
UUID = {'type': 'string', 'format': 'uuid', 'pattern': types.UUID['pattern']}
UUID_OR_NULL = {**UUID, 'type': ['string', 'null']}
URL = {'type': 'string', 'format': 'uri'}
TIME = {
    'type': 'string',
    'pattern': r'^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{6}'
               + types.END,
    'examples': ['2023-08-16T13:03:59.000000'],
    'description': 'In UTC.',
}
TIME_OR_NULL = {**TIME, 'type': ['string', 'null']}
PERCENT = {
    'type': 'string', 'pattern': '^(100|[1-9]?[0-9])' + types.END,
    'description': '"100" only when it is done.',
}


def ref(name):
    """Refer to a schema of :mod:`.components`."""
    return {'$ref': f'#/components/schemas/{name}'}


def listed(key, name):
    """Build the body of a list that is whole."""
    return obj({key: array(ref(name))})


def array(items):
    """Build an array of a schema."""
    return {'type': 'array', 'items': items}


def obj(required, optional=()):
    """Build an object with these members, some of which may be missing."""
    optional = dict(optional)
    return types.obj({**required, **optional}, required)


def one(key, name):
    """Build the body of one resource."""
    return obj({key: ref(name)})


def none(key):
    """Build the response of a list that is always empty."""
    return 200, obj({key: {'type': 'array', 'maxItems': 0}})


def page(key, name, **more):
    """Build the body of a list that may go on, and be counted.

    :param more: schemas of further members that it may have.
    """
    return obj({key: array(ref(name))}, {
        **dict.fromkeys(views.link_names(key), ref('NextLink')),
        'count': COUNT, **more})


def status(of):
    """Build one of an enumeration of statuses."""
    return {'type': 'string', 'enum': [str(status) for status in of]}


def one_of(words):
    """Build one of an enumeration, or null."""
    return {'enum': [*map(str, words), None]}


STATUS_CODE = {'enum': [*map(str, status_codes.StatusCode), None]}
