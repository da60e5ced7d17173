# SPDX-License-Identifier: Apache-2.0
"""Authentication at Keystone, and requests to Manila."""

import dataclasses

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import loading
import requests
from requests import adapters
import urllib3

from manila_backup.conf import manila_shares
from manila_backup import exception

_SERVICE_TYPE = 'shared-file-system'

#: Seconds that a request may take, unless the option says otherwise.
_TIMEOUT = 60.0

#: The longest, in seconds, that a server may make us wait by Retry-After.
_RETRY_AFTER = 30

# 413 only where it comes with Retry-After: it is a quota's answer, too.
_OVERLOADED = (429, 502, 503, 504)


@dataclasses.dataclass(frozen=True)
class SessionSettings:
    """Settings of the session. Holds nothing that is open.

    :ivar auth_type: str, the name of keystoneauth's plug-in.
    :ivar auth: dict, its options.
    :ivar session: dict, ``timeout`` and those about TLS.
    :ivar endpoint: dict, what tells Manila's endpoint.
    :ivar attempts: int, how often a request is sent.
    """

    auth_type: str
    auth: dict = dataclasses.field(repr=False)
    session: dict
    endpoint: dict
    attempts: int

    @classmethod
    def from_conf(cls, conf):
        """Read ``[manila_shares]``.

        :raises manila_backup.exception.ConfigurationError: it is not enough.
        """
        name, group = _registered(conf)
        options = conf[manila_shares.GROUP]
        auth = {opt.dest: conf[group][opt.dest]
                for opt in loading.get_plugin_loader(name).get_options()}
        found = cls(
            name, auth,
            {'cacert': options.cafile, 'cert': options.certfile,
             'key': options.keyfile, 'insecure': options.insecure,
             'timeout': options.timeout or _TIMEOUT},
            {'service_type': options.service_type or _SERVICE_TYPE,
             'service_name': options.service_name,
             'endpoint_type': options.valid_interfaces or [
                 'internal', 'public'],
             'region_name': options.region_name,
             'service_catalog_url': options.endpoint_override},
            options.request_attempts)
        found.check(group)
        return found

    def check(self, group):
        """Raise ConfigurationError if something is missing."""
        missing = []
        if 'password' in self.auth and 'username' in self.auth:
            missing = [name for name, found in (
                ('username', self.auth['username']
                 or self.auth.get('user_id')),
                ('password', self.auth['password'])) if not found]
        try:
            self.load_auth()
        except ks_exc.MissingRequiredOptions as exc:
            missing = [*(opt.dest for opt in exc.options), *missing]
        except ks_exc.ClientException as exc:
            raise exception.ConfigurationError(
                f'[{group}] can\'t be used to authenticate: {exc}') from exc
        if missing:
            raise exception.ConfigurationError(
                f'[shares] source is "manila", but [{group}] does not set '
                f'{", ".join(sorted(set(missing)))}.')

    def load_auth(self):
        """keystoneauth's plug-in."""
        return loading.get_plugin_loader(self.auth_type).load_from_options(
            **self.auth)

    def load(self, timeout=None, attempts=None, auth=None):
        """A new session.

        :param timeout: float, the most seconds that a request may take each
            time.
        :param attempts: int, the most that it is sent.
        :param auth: keystoneauth's plug-in; None for that of the service.
        """
        carrier = requests.Session()
        retry = _Retry(
            total=min(attempts or self.attempts, self.attempts) - 1,
            allowed_methods=None, status_forcelist=_OVERLOADED,
            backoff_factor=0.5, backoff_max=10, raise_on_status=False,
            respect_retry_after_header=True)
        for scheme in ('http://', 'https://'):
            carrier.mount(scheme, _Carrier(max_retries=retry))
        return loading.session.Session().load_from_options(
            auth=auth or self.load_auth(), session=carrier,
            **{**self.session, 'timeout': min(
                timeout or self.session['timeout'],
                self.session['timeout'])})


class _Retry(urllib3.Retry):
    """Every request may be sent again, also one that makes something: what
    it makes is told by its name, and one too many is found and removed."""

    def get_retry_after(self, response):
        found = super().get_retry_after(response)
        return found and min(found, _RETRY_AFTER)


class _Carrier(adapters.HTTPAdapter):

    def send(self, *args, **kwargs):
        response = super().send(*args, **kwargs)
        # It was heeded already, and manilaclient stumbles over it.
        response.headers.pop('Retry-After', None)
        return response


def _registered(conf):
    try:
        name, group = manila_shares.register_keystone(conf)
    except ks_exc.NoMatchingPlugin as exc:
        raise exception.ConfigurationError(
            f'[{manila_shares.GROUP}] auth_type: {exc}') from exc
    if not name:
        raise exception.ConfigurationError(
            f'[shares] source is "manila", but [{group}] does not set '
            f'auth_type, which is usually "password".')
    return name, group
