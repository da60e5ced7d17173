# SPDX-License-Identifier: Apache-2.0
"""The passwords of the repositories.

That of the catalogue, and by default that of each project, is derived from
one secret, so that no project's opens another's. Or castellan keeps a random
one for each project; which of its keys that is stands in the catalogue.
"""

import hashlib
import hmac
import importlib.util
import os

from manila_backup.drivers import base
from manila_backup import exception
from manila_backup import private

_SHORTEST = 32


def derive(secret, label):
    """A password from a secret (the expansion step of HKDF-SHA256, for one
    block, of a secret that is uniform).

    :param secret: bytes.
    :param label: str, what for.
    :returns: str, 64 hexadecimal digits.
    """
    return hmac.new(secret, b'manila-backup restic\0' + label.encode()
                    + b'\x01', hashlib.sha256).hexdigest()


class Secret:
    """The file that passwords are derived from.

    :param path: str.
    """

    def __init__(self, path):
        self.path = path
        self._value = None

    def read(self):
        """The secret, as bytes.

        :raises RepositoryUnavailable: it can't be read, or is too short.
        """
        if self._value is None:
            try:
                with open(self.path, 'rb') as source:
                    found = source.read(4096).strip()
            except OSError as exc:
                raise base.RepositoryUnavailable(
                    f'The file of [restic] password_file, "{self.path}", '
                    f'can\'t be read: {exc.strerror}.') from exc
            if len(found) < _SHORTEST:
                raise base.RepositoryUnavailable(
                    f'The secret in "{self.path}" ([restic] password_file) '
                    f'has fewer than {_SHORTEST} characters.',
                    retryable=False)
            self._value = found
        return self._value

    def exists(self):
        return self._value is not None or os.path.exists(self.path)

    def make(self):
        """Take a new one, that is not written yet."""
        self._value = os.urandom(32).hex().encode()

    def forget(self):
        """Take back :meth:`make`."""
        self._value = None

    def write(self):
        """Write what was made; what another process wrote first is taken
        instead.

        :returns: bool, whether it is ours.
        """
        try:
            private.make_directories(os.path.dirname(self.path))
            name = f'{self.path}.{os.urandom(4).hex()}'
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                         | os.O_CLOEXEC, 0o600)
            with open(fd, 'wb') as target:
                target.write(self._value + b'\n')
                target.flush()
                os.fsync(fd)
            try:
                os.link(name, self.path)
                return True
            except FileExistsError:
                self._value = None
                return False
            finally:
                os.unlink(name)
        except OSError as exc:
            raise base.RepositoryUnavailable(
                f'The file of [restic] password_file, "{self.path}", can\'t '
                f'be made: {exc.strerror}.') from exc

    def __getstate__(self):
        return {'path': self.path, '_value': self._value}


class Derived:
    """Every project's is derived.

    :param secret: a :class:`Secret`.
    """

    def __init__(self, secret):
        self.secret = secret

    def catalogue(self):
        """The catalogue's password."""
        return derive(self.secret.read(), 'catalogue')

    def find(self, project_id, lookup):
        """A project's password.

        :param lookup: called without arguments; returns the reference of
            its key that the catalogue has, or None.
        """
        return derive(self.secret.read(), f'project {project_id}')

    def make(self, project_id):
        """A password for a new repository.

        :returns: (password, reference to be kept in the catalogue or None).
        """
        return self.find(project_id, None), None


class Kept(Derived):
    """Castellan keeps them.

    :param conf: the configuration. What crosses into another process is
        which files it was read from.
    :raises ConfigurationError: castellan is not installed.
    """

    def __init__(self, secret, conf):
        if importlib.util.find_spec('castellan') is None:
            raise exception.ConfigurationError(
                '[restic] key_manager is castellan, which is not installed: '
                'pip install manila-backup[castellan] brings it.')
        super().__init__(secret)
        self._conf = conf
        self._args = [arg for option, values in (
            ('--config-file', conf.config_file),
            ('--config-dir', conf.config_dir))
            for value in values or () for arg in (option, value)]
        self._known = {}

    def __getstate__(self):
        return dict(self.__dict__, _conf=None)

    def _manager(self):
        from castellan.common import utils
        from castellan import key_manager
        from castellan import options

        if self._conf is None:
            from manila_backup import conf

            self._conf = conf.load(self._args, 'manila-backup-worker')
        options.set_defaults(self._conf)
        self._conf.register_opts(utils.credential_opts, utils.OPT_GROUP)
        # Vault's, for one, needs no user.
        context = (utils.credential_factory(self._conf)
                   if self._conf.key_manager.auth_type else None)
        return key_manager.API(self._conf), context

    def find(self, project_id, lookup):
        if project_id not in self._known:
            ref = lookup()
            if ref is None:
                raise base.RepositoryUnavailable(
                    f'The catalogue does not say which key is that of '
                    f'project {project_id}.', retryable=False)
            manager, context = self._manager()
            self._known[project_id] = _text(_asked(
                f'give the key {ref} of project {project_id}',
                manager.get, context, ref).get_encoded())
        return self._known[project_id]

    def make(self, project_id):
        from castellan.common.objects import passphrase

        password = os.urandom(32).hex()
        manager, context = self._manager()
        ref = _asked(f'keep a key for project {project_id}', manager.store,
                     context, passphrase.Passphrase(
                         password, name=f'manila-backup restic {project_id}'))
        self._known[project_id] = password
        return password, ref


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


def _asked(doing, function, *args):
    """Its back ends raise what they like."""
    try:
        return function(*args)
    except Exception as exc:
        raise base.RepositoryUnavailable(
            f'The key manager could not {doing}: {exc}') from exc
