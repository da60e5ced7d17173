# SPDX-License-Identifier: Apache-2.0
"""Requests as handlers see them."""

import functools
import json
import re
import typing
from urllib import parse

import webob

from manila_backup.api import faults
from manila_backup.db import texts

_UUID = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')

#: More parameters than this in a query string are no one's honest question.
MAX_PARAMETERS = 200


class Request(webob.BaseRequest):
    """A request that has been authenticated.

    :ivar services: the application's :class:`~manila_backup.api.app.
        Services`.
    :ivar context: the :class:`~manila_backup.context.RequestContext`.
    :ivar version: (major, minor) of the API it speaks.
    :ivar extension: (major, minor) of the extension that it asks for, or
        None; see :mod:`manila_backup.api.extension`.
    :ivar url_prefix: str, what stands before the resource's path in the
        request's own URL (``/v2`` or ``/v2/PROJECT``).
    """

    # BaseRequest keeps attributes that it doesn't know in the object.
    services: typing.Any = None
    context: typing.Any = None
    version: typing.Any = None
    extension: typing.Any = None
    url_prefix: typing.Any = None

    @functools.cached_property
    def params(self):
        """The query string as a dict of str to str; of a parameter that is
        given more than once the last one counts.

        :raises manila_backup.api.faults.Fault: 400 if it is not UTF-8, or
            holds what can't be stored or compared.
        """
        try:
            pairs = parse.parse_qsl(
                self.environ.get('QUERY_STRING', ''),
                keep_blank_values=True, errors='strict',
                max_num_fields=MAX_PARAMETERS)
        except ValueError as exc:
            raise faults.bad_request(
                'The query string is malformed.') from exc
        for name, value in pairs:
            if '\0' in name or '\0' in value:
                raise faults.bad_request(
                    'The query string contains a NUL character.')
        return dict(pairs)

    @functools.cached_property
    def document(self):
        """The body, decoded from JSON; None where there is none.

        :raises manila_backup.api.faults.Fault: 413 if it is too large, 415
            if it says to be something else than JSON, 400 if it is
            malformed or holds text that can't be stored.
        """
        raw = self._read_body()
        if not raw:
            return None
        kind = self.environ.get('CONTENT_TYPE', '')
        kind = kind.split(';', 1)[0].strip().lower()
        if kind and kind != 'application/json':
            raise faults.Fault(
                415, 'The content type must be application/json.')
        return decode(raw)

    def _read_body(self):
        limit = self.services.conf.api.max_request_body_size
        length = self.content_length
        if length is None and not self.is_body_readable:
            return b''
        if length is not None and length > limit:
            raise too_large(limit)
        raw = self.body_file_raw.read(limit + 1 if length is None else length)
        if len(raw) > limit:
            raise too_large(limit)
        return raw

    def authorize(self, rule, project_id=None):
        """Make sure that the caller may do what a policy rule is about.

        :param rule: str, the rule's name.
        :param project_id: whose thing it is about; the caller's own if
            omitted.
        :raises manila_backup.api.faults.Fault: 403 if not.
        """
        if not self.allows(rule, project_id):
            raise faults.Fault(403, f'Policy doesn\'t allow {rule} to be '
                                    f'performed.')

    def allows(self, rule, project_id=None):
        """Tell whether policy lets the caller do something; see
        :meth:`authorize`."""
        context = self.context
        project_id = project_id or context.project_id
        key = rule, project_id
        if key not in self._allowed:
            self._allowed[key] = self.services.policy.allows(
                rule, context, {'project_id': project_id,
                                'user_id': context.user_id})
        return self._allowed[key]

    @functools.cached_property
    def _allowed(self):
        # A request that goes on for long is not to see two policies.
        return {}

    @property
    def scope(self):
        """The project that things are looked up in for the caller; None for
        all: see :class:`~manila_backup.context.RequestContext`."""
        return self.context.scope

    def link(self, path):
        """The URL of a resource of this API, as this caller would write it.

        :param path: str, from the slash after the prefix on.
        """
        return self.base_url + self.url_prefix + path

    @functools.cached_property
    def base_url(self):
        """The URL of the service's root, without a slash at the end."""
        return (self.services.conf.api.public_url
                or self.application_url).rstrip('/')


def too_large(limit):
    """The :class:`~manila_backup.api.faults.Fault` for a body above the
    limit."""
    return faults.Fault(413, f'The request body is larger than {limit} '
                             f'bytes.')


def decode(raw):
    """JSON from outside.

    :param raw: bytes.
    :raises manila_backup.api.faults.Fault: 400 if it is not JSON, nested
        too deeply, or holds text that no database takes.
    """
    try:
        document = json.loads(raw.decode('utf-8'), parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise faults.bad_request('The body is not valid JSON.') from exc
    # NUL characters and halves of surrogate pairs only get in escaped.
    if b'\\u' in raw:
        _check_text(document)
    return document


def uuid(text):
    """An id from a path, in the form that ids are stored in.

    :raises manila_backup.api.faults.Fault: 404 if it can't be the id of
        anything.
    """
    text = text.lower()
    if not _UUID.fullmatch(text):
        raise faults.not_found()
    return text


def is_uuid(text):
    """Tell whether a str is an id in the form that ids are stored in."""
    return bool(_UUID.fullmatch(text))


def _no_number(text):
    raise ValueError(f'{text} is not valid JSON')


def _check_text(document):
    if not texts.all_storable(document):
        raise faults.bad_request(
            'The body contains a NUL character, or an unpaired surrogate.')
