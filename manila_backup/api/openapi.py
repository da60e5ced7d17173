# SPDX-License-Identifier: Apache-2.0
"""The API as an OpenAPI 3.1 document, at ``/v2/openapi.json``.

It is made of what the service itself works by: the declared routes, the JSON
schemas that bodies are checked against, the converters of query parameters,
and the table of faults. What answers hold is in
:mod:`manila_backup.api.schemas.responses`.

Below ``x-openstack`` stand the first (``min-ver``) and the last (``max-ver``)
version that has an operation or action, the first version of the extension
that has it (``extension``), and the policy rule that allows it; below that of
a query parameter, the first version of the extension that has it, and what it
then has to be (``schema``).
"""

import json

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api import microversions
from manila_backup.api import operation
from manila_backup.api import request
from manila_backup.api.schemas import components
from manila_backup.api.schemas import responses
from manila_backup.api.schemas import types
from manila_backup.api import streams
from manila_backup.api import validation
from manila_backup import version

PATH = '/v2/openapi.json'

JSON = 'application/json'

#: Of every operation below ``/v2``, beside those that depend on what it is.
ALWAYS = (400, 401, 403, 404, 406, 500, 503)

_ABOUT = '''\
Share backups, in the manner of OpenStack's Shared File Systems API.

Paths may also be given with the project after `/v2`:
`/v2/{project_id}/share-backups` is the same as `/v2/share-backups`. `HEAD` is
possible wherever `GET` is. The version may be asked for by the header
`OpenStack-API-Version: shared-file-system 2.80` as well. Query parameters
that an operation does not know are ignored. Text in requests must hold
neither NUL characters nor halves of surrogate pairs.

What Manila does not have is asked for by a further entry of that header,
`shared-file-system-backup 1.0`, beside or instead of the other one. Without
it, operations and actions that have `extension` below `x-openstack` do not
exist, query parameters that have it are ignored, and members of answers that
say so are not there.
'''

_FAULTS = {
    400: 'The request is malformed, or not possible in the current status.',
    401: 'The caller is not authenticated.',
    403: 'The caller is not authorised, or a quota would be exceeded.',
    404: 'The resource does not exist, or not in this API version.',
    406: 'The API version is not supported.',
    409: 'The request conflicts with another change of the same resource.',
    413: 'The request body is too large.',
    415: 'The content type is not application/json.',
    416: 'The file has no bytes in the requested range.',
    422: 'The body does not contain the object of the operation.',
    500: 'An unexpected error occurred in the service.',
    503: 'The database or the authentication service can\'t be reached.',
}

#: What stands for part of a path.
_PATH_PARAMETERS = {
    'project_id': {'type': 'string', 'minLength': 1, 'maxLength': 255},
    'class_name': {'enum': ['default']},
    'service_id': {'type': 'integer', 'minimum': 0,
                   'maximum': types.MAX_INTEGER},
    'key': {'type': 'string', 'minLength': 1, 'maxLength': 255},
}

_STRATEGIES = {
    'keystone': [{'token': []}],
    'http_basic': [{'basic': []}],
    # Without a token the caller is the administrator.
    'noauth': [{'token': []}, {}],
}

_HEADER = {'schema': {'type': 'string'}}


class Description:
    """A WSGI application that answers with the document.

    :param services: the :class:`~manila_backup.api.app.Services`.
    :param table: the routes, see :class:`~manila_backup.api.app.Dispatcher`.
    """

    def __init__(self, services, table):
        self._services = services
        # All but the URLs is the same for every caller.
        described = document(table, services.conf.auth_strategy)
        self._rest = json.dumps(described)[1:]

    def __call__(self, environ, start_response):
        req = request.Request(environ)
        req.services = self._services
        servers = json.dumps([{'url': req.base_url}])
        body = f'{{"servers": {servers}, {self._rest}'.encode()
        start_response(faults.status_line(200), [
            ('Content-Type', JSON), ('Content-Length', str(len(body)))])
        return [b'' if environ['REQUEST_METHOD'] == 'HEAD' else body]


def document(table, strategy):
    """The document, but for its ``servers``.

    :param table: the routes, see :class:`~manila_backup.api.app.Dispatcher`.
    :param strategy: str, the ``auth_strategy``.
    :returns: dict.
    """
    operations = [each for methods in table.values()
                  for each in methods.values()]
    paths = {path: {'get': _guarded(item['get'], strategy)}
             for path, item in _PUBLIC.items()}
    for path, methods in table.items():
        paths[f'/v2{path}'] = item = {}
        parameters = _path_parameters(path)
        if parameters:
            item['parameters'] = parameters
        for method, each in methods.items():
            item[method.lower()] = _operation(method, each)
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'manila-backup',
            'version': version.string(),
            'description': _ABOUT,
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'},
        },
        'paths': paths,
        'security': _STRATEGIES[strategy],
        'components': {
            'schemas': components.COMPONENTS,
            'parameters': {
                **{_version_name(first): _version_parameter(first)
                   for first in sorted({each.since for each in operations})},
                **{_extension_name(first): _extension_parameter(first)
                   for first in sorted({each.extension for each in operations
                                        if each.extension})}},
            'responses': {f'Fault{code}': _fault(code, strategy)
                          for code in _FAULTS},
            'headers': _HEADERS,
            'securitySchemes': {
                'token': {'type': 'apiKey', 'in': 'header',
                          'name': 'X-Auth-Token'},
                'basic': {'type': 'http', 'scheme': 'basic'},
            },
        },
    }


def name_of(each):
    """The ``operationId`` of an operation: its module and its name."""
    if isinstance(each, operation.Actions):
        first = next(iter(each.actions.values()))
        return f'{_module(first)}.action'
    return f'{_module(each)}.{each.function.__name__}'


def answers_of(each):
    """List the responses of an operation that succeeds.

    :returns: list of (status code, schema or None).
    """
    if not isinstance(each, operation.Actions):
        found = responses.ANSWERS[name_of(each)]
        return found if isinstance(found, list) else [found]
    module = name_of(each).partition('.')[0]
    found = []
    for name in each.actions:
        answer = responses.ANSWERS[f'{module}.{name}']
        found += answer if isinstance(answer, list) else [answer]
    return found


def _module(each):
    return each.function.__module__.rpartition('.')[2]


def _operation(method, each):
    described = {
        'operationId': name_of(each),
        'tags': [_module(_any_of(each))],
        'parameters': [
            {'$ref': f'#/components/parameters/{name}'} for name in (
                _version_name(each.since),
                *([_extension_name(each.extension)] if each.extension
                  else []))],
    }
    if isinstance(each, operation.Actions):
        described['summary'] = (
            'Perform the action that the single member of the body names.')
        described['x-openstack'] = {'discriminator': 'action'}
        bodies = [_action(name, action)
                  for name, action in each.actions.items()]
        schemas = [schema for action in each.actions.values()
                   for schema in _schemas(action)]
    else:
        described['summary'] = ' '.join(each.__doc__.split())
        described['x-openstack'] = _versions(each)
        schemas = _schemas(each)
        bodies = [schema.schema for schema in schemas]
        described['parameters'].extend(
            _query_parameter(name, convert)
            for name, convert in (each.query or {}).items())
    codes = set(ALWAYS)
    if method != 'GET':
        codes.add(409)
    if bodies:
        described['requestBody'] = {
            'required': True, 'content': {JSON: {'schema': _any(bodies)}}}
        codes |= {413, 415}
    codes.update(getattr(each, 'codes', ()))
    if any(schema.resource for schema in schemas):
        codes.add(422)
    described['responses'] = {
        **_successes(each),
        **{str(code): {'$ref': f'#/components/responses/Fault{code}'}
           for code in sorted(codes)},
    }
    return described


def _query_parameter(name, convert):
    described = {'name': name, 'in': 'query', 'schema': convert.schema}
    first = getattr(convert, 'extension', None)
    if first:
        # Without the extension it is ignored, whatever it holds.
        described['schema'] = {'type': 'string'}
        described['x-openstack'] = {
            'extension': microversions.to_string(first),
            'schema': convert.schema}
    return described


def _any_of(each):
    """An operation itself, or one of the actions that it consists of."""
    if isinstance(each, operation.Actions):
        return next(iter(each.actions.values()))
    return each


def _action(name, action):
    """The schema of the body of an action."""
    return {**_any([schema.schema for schema in _schemas(action)]),
            'title': name,
            'description': ' '.join(action.__doc__.split()),
            'x-openstack': _versions(action)}


def _schemas(each):
    """The schemas that the versions of an operation check its body by,
    oldest first, each without and then with the extension."""
    if each.body is None:
        return []
    if isinstance(each.body, validation.Schema):
        return [each.body]
    major, most = each.until or microversions.MAX
    extensions = [extension.MAX]
    if each.extension is None:
        extensions.insert(0, None)
    return list(dict.fromkeys(
        each.body((major, minor), of_extension)
        for minor in range(each.since[1], most + 1)
        for of_extension in extensions))


def _any(schemas):
    return schemas[0] if len(schemas) == 1 else {'anyOf': schemas}


def _versions(each):
    described = {'min-ver': microversions.to_string(each.since)}
    if each.until:
        described['max-ver'] = microversions.to_string(each.until)
    if each.extension:
        described['extension'] = microversions.to_string(each.extension)
    if each.rule:
        described['policy'] = each.rule
    return described


def _successes(each):
    by_code = {}
    for code, schema in answers_of(each):
        bodies = by_code.setdefault(code, [])
        if schema is not None and schema not in bodies:
            bodies.append(schema)
    return {str(code): {
        'description': faults.REASONS[code],
        'headers': {name: {'$ref': f'#/components/headers/{name}'}
                    for name in _HEADERS},
        **({'content': {_kind(bodies): {'schema': _any(bodies)}}}
           if bodies else {}),
    } for code, bodies in sorted(by_code.items())}


def _kind(bodies):
    """The content type of what an operation answers."""
    return streams.KIND if bodies == [responses.BYTES] else JSON


def _fault(code, strategy):
    schema = {'$ref': f'#/components/schemas/{components.fault_name(code)}'}
    contents = {JSON: {'schema': schema}}
    if strategy == 'keystone' and code in (401, 503):
        # keystonemiddleware speaks for itself.
        contents = {
            JSON: {'schema': _any([schema, *responses.KEYSTONE])},
            **{kind: {'schema': {'type': 'string'}}
               for kind in ('text/html', 'text/plain')}}
    headers = {name: {'$ref': f'#/components/headers/{name}'}
               for name in _IDS}
    if code == 503:
        headers['Retry-After'] = _HEADER
    if code == 401:
        headers['WWW-Authenticate'] = _HEADER
    return {'description': _FAULTS[code], 'headers': headers,
            'content': contents}


def _path_parameters(path):
    names = [part[1:-1] for part in path.split('/') if part.startswith('{')]
    return [{'name': name, 'in': 'path', 'required': True,
             'schema': _PATH_PARAMETERS.get(
                 name, {**types.UUID, 'format': 'uuid'})}
            for name in names]


def _version_name(first):
    return f'VersionFrom{microversions.to_string(first)}'


def _version_parameter(first):
    """The header that asks for a version, of operations that are there
    since one."""
    major, last = microversions.MAX
    known = [microversions.to_string((major, minor))
             for minor in range(first[1], last + 1)]
    schema = {'type': 'string', 'enum': ['latest', *known]}
    if first == microversions.DEFAULT:
        schema['default'] = microversions.to_string(first)
    return {
        'name': microversions.LEGACY_HEADER, 'in': 'header',
        'required': first != microversions.DEFAULT,
        'description': 'Microversion that the request uses.',
        'schema': schema,
    }


def _extension_name(first):
    return f'ExtensionFrom{microversions.to_string(first)}'


def _extension_parameter(first):
    """The header that asks for the extension, of operations that only it
    has, since one of its versions."""
    major, last = extension.MAX
    known = [extension.entry((major, minor))
             for minor in range(first[1], last + 1)]
    return {
        'name': microversions.HEADER, 'in': 'header', 'required': True,
        'description': 'Version of the extension that the request uses.',
        'schema': {'type': 'string',
                   'enum': [f'{extension.SERVICE_TYPE} latest', *known]},
    }


_IDS = {name: {**_HEADER, 'required': True,
               'description': 'Id of the request, as in the logs.'}
        for name in ('x-openstack-request-id', 'x-compute-request-id')}

_HEADERS = {
    **_IDS,
    **{name: {**_HEADER, 'required': True,
              'description': 'Microversion that the response uses.'}
       for name in (microversions.LEGACY_HEADER, microversions.HEADER)},
}


def _public(name, summary, answers):
    """Describe a document that needs no authentication."""
    return {'get': {
        'operationId': f'public.{name}',
        'tags': ['public'],
        'summary': summary,
        'security': [],
        'responses': {str(code): {
            'description': faults.REASONS[code],
            'headers': {name: {'$ref': f'#/components/headers/{name}'}
                        for name in _IDS},
            'content': content,
        } for code, content in answers.items()},
    }}


def _guarded(public, strategy):
    """The same, with what is refused nevertheless: see :func:`manila_backup.
    api.auth.guard`."""
    if strategy != 'noauth':
        return public
    return {**public, 'responses': {**public['responses'],
                                    '403': {'$ref': (
                                        '#/components/responses/Fault403')}}}


_VERSIONS = {JSON: {'schema': responses.VERSIONS}}

_HEALTH = {'text/plain': {'schema': {'type': 'string'}},
           'text/html': {'schema': {'type': 'string'}},
           JSON: {'schema': {'type': 'object'}}}

_PUBLIC = {
    '/': _public('versions', 'List the supported API versions.',
                 {300: _VERSIONS}),
    '/v2/': _public('version', 'Version 2.', {200: _VERSIONS}),
    PATH: _public('openapi', 'This document.',
                  {200: {JSON: {'schema': {'type': 'object'}}}}),
    '/healthcheck': _public(
        'health', 'Check whether the database and the message bus can be '
                  'reached.',
        {200: _HEALTH, 503: _HEALTH}),
}
