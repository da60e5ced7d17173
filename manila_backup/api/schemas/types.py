# SPDX-License-Identifier: Apache-2.0
"""Pieces that the schemas are made of, and the converters of query
parameters."""

import ast
import datetime
import re

from oslo_utils import strutils

from manila_backup.api import request

#: The most that every database's column of whole numbers holds.
MAX_INTEGER = 2 ** 31 - 1

#: Ends a pattern where the text ends, to whoever reads it: ECMA-262, which the
#: API's description is for, has no ``\\Z``, and Python's ``$`` alone lets a
#: line feed through.
END = '(?!\\n)$'

TEXT = {'type': ['string', 'null'], 'maxLength': 255}

UUID = {
    'type': 'string',
    'pattern': '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
               + END,
    'description': 'a UUID',
}

OPTIONAL_UUID = {**UUID, 'type': ['string', 'null'],
                 'description': 'a UUID or null'}

BOOLEAN = {
    'type': ['boolean', 'string', 'integer'],
    'enum': [True, False, 1, 0, 'True', 'TRUE', 'true', '1', 'yes', 'on',
             'False', 'FALSE', 'false', '0', 'no', 'off'],
}

#: A whole number of GiB; clients also send it as a string.
SIZE = {
    'type': ['integer', 'string'],
    'minimum': 1, 'maximum': MAX_INTEGER,
    'pattern': '^[1-9][0-9]{0,8}' + END,
    'description': 'a positive whole number of GiB',
}

STRINGS = {
    'type': ['object', 'null'],
    'maxProperties': 128,
    'propertyNames': {'minLength': 1, 'maxLength': 255,
                      'description': 'an object whose names have 1 to 255 '
                                     'characters'},
    'additionalProperties': {'type': 'string', 'maxLength': 1023},
}

#: Must be null or left out: what this service has no use for.
NOTHING = {'type': 'null'}


def obj(properties, required=(), **kwargs):
    """The schema of an object with these members and no others."""
    return {'type': 'object', 'properties': properties,
            'required': list(required), 'additionalProperties': False,
            **kwargs}


def wrapped(name, properties, required=(), **kwargs):
    """The schema of a body with just one object in it."""
    return obj({name: obj(properties, required, **kwargs)}, [name])


def action(name, properties):
    """Return the schema of an action's body whose arguments, all of them, may
    be left out.

    :param properties: dict of argument to its schema.
    """
    return obj({name: {**obj(properties), 'type': ['object', 'null']}},
               [name])


def action_without_arguments(name):
    """The schema of the body of an action; clients send null or {}."""
    return obj({name: {'type': ['null', 'object'], 'maxProperties': 0}},
               [name])


def converter(schema):
    """Decorator for a function that makes the value of a query parameter
    from a str: notes what it takes.

    :param schema: dict, a JSON schema, for the API's description.
    """
    def note(function):
        function.schema = schema
        return function
    return note


@converter({'type': 'string', 'enum': [
    'true', 'false', 'True', 'False', '1', '0', 'yes', 'no', 'on', 'off',
    't', 'f', 'y', 'n']})
def boolean(value):
    """A :data:`BOOLEAN` of a body, or a str, as a bool.

    :raises ValueError: it is neither true nor false.
    """
    if isinstance(value, float):
        # To JSON schemas 1.0 is 1.
        value = int(value)
    return strutils.bool_from_string(value, strict=True)


@converter({'type': 'integer', 'minimum': 0, 'maximum': MAX_INTEGER})
def count(text):
    """A number of things to skip or to return.

    :raises ValueError: not a whole number from 0 on.
    """
    if not text.isascii() or not text.isdigit():
        raise ValueError('it must be a whole number from 0 on')
    if len(text) > 10 or int(text) > MAX_INTEGER:
        raise ValueError(f'it must be at most {MAX_INTEGER}')
    return int(text)


@converter({**UUID, 'format': 'uuid'})
def uuid(text):
    """An id in the form that ids are stored in.

    :raises ValueError: it is none.
    """
    text = text.lower()
    if not request.is_uuid(text):
        raise ValueError('it must be a UUID')
    return text


@converter({'type': 'string', 'maxLength': 255})
def text(value):
    """Any text that a column could hold.

    :raises ValueError: it is too long.
    """
    if len(value) > 255:
        raise ValueError('it must have at most 255 characters')
    return value


@converter({'type': 'string', 'format': 'date-time', 'maxLength': 40})
def moment(value):
    """A time in ISO 8601, as the database has times; in UTC unless it says
    otherwise.

    :raises ValueError: it is none.
    """
    try:
        # Not before 3.11 does that know what Z stands for.
        time = datetime.datetime.fromisoformat(re.sub('Z$', '+00:00', value))
        if time.tzinfo is not None:
            time = time.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError) as exc:
        raise ValueError('it must be a time in ISO 8601') from exc
    return time.replace(tzinfo=None)


@converter({
    'type': 'string',
    'description': 'As Python writes a dict of str to str.'})
def mapping(value):
    """A filter by properties, which clients send as Python writes a dict.

    :raises ValueError: it is none of str to str.
    """
    try:
        mapping = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError,
            TypeError) as exc:
        raise ValueError('it must be a mapping') from exc
    if not isinstance(mapping, dict) or not all(
            isinstance(key, str) and isinstance(text, str)
            and key and '\0' not in key + text
            for key, text in mapping.items()):
        raise ValueError('it must be a mapping of text to text')
    try:
        ''.join([*mapping, *mapping.values()]).encode()
    except UnicodeEncodeError as exc:
        raise ValueError('it contains an unpaired surrogate') from exc
    return mapping


def one_of(*allowed):
    """A converter that takes only these values."""
    allowed = tuple(map(str, allowed))

    @converter({'type': 'string', 'enum': list(allowed)})
    def convert(value):
        if value not in allowed:
            raise ValueError(f'it must be one of {", ".join(allowed)}')
        return value
    convert.allowed = allowed
    return convert


def since(version, convert):
    """A converter of a query parameter that only the extension has.

    :param version: (major, minor), the first of the extension that has it.
    :param convert: the converter of its values.
    """
    def converted(value):
        return convert(value)
    converted.schema = convert.schema
    converted.extension = version
    return converted


def page(sort_keys):
    """Query parameters that cut and order a list, as
    :func:`manila_backup.api.handlers.common.listed` takes them.

    :param sort_keys: dict of sort key to column name.
    :returns: dict of name to converter.
    """
    return {'limit': count, 'offset': count, 'marker': uuid,
            'sort_key': one_of(*sort_keys),
            'sort_dir': one_of('asc', 'desc')}


#: Query parameters that say whose things a list holds, as
#: :func:`manila_backup.api.handlers.common.list_scope` takes them.
SCOPE = {'all_tenants': boolean, 'all_projects': boolean, 'project_id': text}
