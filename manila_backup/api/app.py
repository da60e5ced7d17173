# SPDX-License-Identifier: Apache-2.0
"""The WSGI application, put together from the inside out."""

from collections import abc
import dataclasses
import json
import typing

from oslo_config import cfg
from oslo_middleware import cors
from oslo_middleware import http_proxy_to_wsgi
import routes

from manila_backup.api import auth
from manila_backup.api import bound
from manila_backup.api import extension as extension_
from manila_backup.api import faults
from manila_backup.api import gate as gate_
from manila_backup.api import handlers
from manila_backup.api.handlers import versions
from manila_backup.api import health
from manila_backup.api import microversions
from manila_backup.api import middleware
from manila_backup.api import openapi
from manila_backup.api import operation
from manila_backup.api import request
from manila_backup.api import streams
from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.policies import enforcer
from manila_backup.requests import admission as admission_

_VERSION_PREFIX = '/v2'

_Environ = dict[str, typing.Any]
_Start = abc.Callable[..., typing.Any]

#: A WSGI application.
Application = abc.Callable[[_Environ, _Start], abc.Iterable[bytes]]

#: Path below ``/v2`` to method to an operation.
_Table = dict[str, dict[str, abc.Callable[..., typing.Any]]]


@dataclasses.dataclass(frozen=True)
class Services:
    """Services that handlers use; one instance per application."""

    conf: cfg.ConfigOpts
    database: engine.Reader
    admission: admission_.Admission
    policy: enforcer.Enforcer


def build(conf: cfg.ConfigOpts, database: engine.Database,
          admission: admission_.Admission, registry: typing.Any = None,
          gate: gate_.Gate | None = None,
          places: bound.Bound | None = None) -> Application:
    """Make the application.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param admission: a :class:`manila_backup.requests.admission.Admission`.
    :param registry: metrics of a worker in the same process.
    :param gate: a :class:`manila_backup.api.gate.Gate`, where the database
        may not be there yet.
    :param places: a :class:`manila_backup.api.bound.Bound`.
    :returns: a WSGI application.
    :raises manila_backup.exception.ConfigurationError: it can't be used as
        configured.
    """
    services = Services(conf, engine.Reader(database), admission,
                        enforcer.Enforcer(conf))
    table = handlers.routes(conf)
    app: Application = auth.wrap(Dispatcher(services, table), services)
    if gate:
        app = gate.wrap(app)
    if places:
        app = places.wrap(app)
    healthcheck = health.Healthcheck(conf, {
        'database': health.database_check(database),
        'bus': health.bus_check(conf)})
    one_version = versions.Versions(services, 200)
    extra: dict[str, Application] = {}
    if conf.metrics.enabled:
        # Its library is only wanted where it is used.
        from manila_backup.telemetry import metrics

        extra['/metrics'] = metrics.application(
            database, conf.metrics.max_projects, registry)
    app = middleware.Paths({
        **extra,
        '': versions.Versions(services, 300),
        '/': versions.Versions(services, 300),
        '/v2': one_version,
        '/v2/': one_version,
        '/healthcheck': healthcheck,
        openapi.PATH: openapi.Description(services, table),
    }, app)
    app = _wrap_cors(app, conf)
    app = behind_proxy(app, conf)
    app = auth.guard(app, conf)
    return middleware.RequestId(middleware.Faults(app))


class Dispatcher:
    """Finds the operation for a path and method, and answers with what it
    returns.

    :param services: the :class:`Services`.
    :param table: dict of path below ``/v2`` (or ``/v2/PROJECT``) to dict of
        method to a callable as in :mod:`manila_backup.api.operation`.
    """

    def __init__(self, services: Services, table: _Table) -> None:
        self._services = services
        self._table = table
        self._newer = services.conf.shares.source != 'local'
        self._mapper = routes.Mapper(controller_scan=None, explicit=True)
        self._mapper.minimization = False
        for path in table:
            # Keys may have slashes in them; nothing comes after a key.
            self._mapper.connect(path.replace('{key}', '{key:.+}'),
                                 path_=path)
        self._mapper.create_regs([])
        #: What the first part of a path can be, unless it is a project id.
        self._resources = {path.split('/')[1] for path in table}

    def __call__(self, environ: _Environ,
                 start_response: _Start) -> abc.Iterable[bytes]:
        headers = [microversions.VARY]
        try:
            version = microversions.from_environ(environ, self._newer)
            extension = extension_.from_environ(environ)
            headers = microversions.headers(environ, version, *(
                [extension_.entry(extension)] if extension else []))
            code, body = self._dispatch(environ, version, extension)
        except Exception as exc:
            fault = faults.from_exception(exc)
            fault.headers.update(headers)
            return fault(environ, start_response)
        if isinstance(body, streams.Stream):
            start_response(faults.status_line(code), headers + body.headers)
            if environ['REQUEST_METHOD'] == 'HEAD':
                body.close()
                return [b'']
            return body
        if body is None:
            content = b''
        else:
            content = json.dumps(body).encode()
            headers.append(('Content-Type', 'application/json'))
        headers.append(('Content-Length', str(len(content))))
        start_response(faults.status_line(code), headers)
        return [b'' if environ['REQUEST_METHOD'] == 'HEAD' else content]

    def _dispatch(self, environ: _Environ, version: tuple[int, int],
                  extension: tuple[int, int] | None
                  ) -> tuple[int, typing.Any]:
        prefix, methods, variables = self._match(environ)
        method = environ['REQUEST_METHOD']
        handler = methods.get('GET' if method == 'HEAD' else method)
        if handler is None:
            needed = operation.extension_of(methods.values())
            if not extension_.includes(extension, needed):
                raise extension_.not_found(needed)
            allowed = set(methods) | ({'HEAD'} if 'GET' in methods else set())
            raise faults.Fault(
                405, 'The method is not allowed here.',
                {'Allow': ', '.join(sorted(allowed))})
        req = request.Request(environ)
        req.services = self._services
        req.context = environ[auth.CONTEXT]
        req.version = version
        req.extension = extension
        req.url_prefix = prefix
        return handler(req, **variables)

    def _match(self, environ: _Environ) -> tuple[
            str, dict[str, abc.Callable[..., typing.Any]], dict[str, str]]:
        """Look up the operations of a path.

        :returns: (prefix, dict of method to operation, variable parts).
        """
        try:
            path = environ['PATH_INFO'].encode('latin-1').decode('utf-8')
        except UnicodeError as exc:
            raise faults.bad_request('The path is not UTF-8.') from exc
        if '\0' in path:
            raise faults.bad_request('The path contains a NUL character.')
        if not path.startswith(_VERSION_PREFIX + '/'):
            raise faults.not_found()
        prefix, path = _VERSION_PREFIX, path[len(_VERSION_PREFIX):]
        first, slash, rest = path[1:].partition('/')
        own = True
        if first not in self._resources and slash:
            own = first == environ[auth.CONTEXT].project_id
            prefix, path = f'{prefix}/{first}', slash + rest
        match = self._mapper.match(path.rstrip('/'))
        if not match:
            raise faults.not_found()
        if not own:
            raise faults.bad_request(
                'Malformed request URL: the project in the path is not the '
                'project of the request.')
        return prefix, self._table[match.pop('path_')], match


def _wrap_cors(app: Application, conf: cfg.ConfigOpts) -> Application:
    # Costs time at every request, so only where it is used. What is refused
    # has to come to it as an answer: a preflight has no credentials.
    config.set_cors_defaults()
    wrapped = cors.CORS(middleware.Faults(app), conf)
    return wrapped if conf.cors.allowed_origin else app


def behind_proxy(app: Application, conf: cfg.ConfigOpts) -> Application:
    """Have an application see requests as the proxy in front got them, where
    one is configured."""
    wrapped = http_proxy_to_wsgi.HTTPProxyToWSGI(app, conf)
    enabled = conf.oslo_middleware.enable_proxy_headers_parsing
    return wrapped if enabled else app
