# SPDX-License-Identifier: Apache-2.0
"""The passwords of the repositories.

That of the catalogue, and by default that of each project, is derived from
one secret, so that no project's opens another's. Or castellan keeps a random
one for each project; which of its keys that is stands in the catalogue.
"""

import contextlib
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


class DerivedKeys:
    """Every project's is derived.

    A repository is made with a password that is derived from the secret and
    the project's id. Once that was replaced, the catalogue has a reference,
    which is derived from as well.

    :param secret: a :class:`Secret`.
    :param others: more of them, by which there may be keys as well.
    """

    def __init__(self, secret, others=()):
        self.secret = secret
        self._others = tuple(others)
        # By project; None is the catalogue.
        self._known = {}

    def _secrets(self):
        for each in (self.secret, *self._others):
            yield each.read()

    def learn(self, project_id, password):
        """Have :meth:`find` or :meth:`catalogue` return a password from here
        on: it was found to be the right one.

        :param project_id: str; None for the catalogue.
        """
        self._known[project_id] = password

    def catalogue(self):
        """The catalogue's password."""
        return self._known.get(None) or self.new_of_catalogue()

    def new_of_catalogue(self):
        """The password that the catalogue should have."""
        return derive(self.secret.read(), 'catalogue')

    def all_of_catalogue(self):
        """Iterate over the passwords that the catalogue may have."""
        return (derive(each, 'catalogue') for each in self._secrets())

    def find(self, project_id, lookup):
        """A project's password, as far as it is known without trying.

        :param lookup: called without arguments; returns the references to
            its keys that the catalogue has, the newest first.
        """
        return self._known.get(project_id) or self.of(project_id, None)

    def of(self, project_id, ref):
        """The password that a reference stands for; None is the first that
        the project has had."""
        return derive(self.secret.read(), _label(project_id, ref))

    def all_of(self, project_id, refs):
        """Iterate over the passwords that a project may have.

        :param refs: list of str, references in the order in which to try.
        """
        for ref in (*refs, None):
            for each in self._secrets():
                yield derive(each, _label(project_id, ref))

    def make(self, project_id):
        """A password for a new repository.

        :returns: (password, reference to be kept in the catalogue or None).
        """
        return self.of(project_id, None), None

    def replace(self, project_id):
        """Take a new password for a repository.

        :returns: str, the reference to it.
        """
        return os.urandom(16).hex()

    def discard(self, ref):
        """Forget a password that opens nothing any more."""


def _label(project_id, ref):
    # No project's id has the character in it.
    return f'project {project_id}' + ('' if ref is None else f'\0{ref}')


class CastellanKeys(DerivedKeys):
    """Castellan keeps them.

    :param conf: the configuration. What crosses into another process is
        which files it was read from.
    :raises ConfigurationError: castellan is not installed.
    """

    def __init__(self, secret, conf, others=()):
        if importlib.util.find_spec('castellan') is None:
            raise exception.ConfigurationError(
                '[restic] key_manager is castellan, which is not installed: '
                'pip install manila-backup[castellan] brings it.')
        super().__init__(secret, others)
        self._conf = conf
        self._args = [arg for option, values in (
            ('--config-file', conf.config_file),
            ('--config-dir', conf.config_dir))
            for value in values or () for arg in (option, value)]

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
            refs = lookup()
            if not refs:
                raise base.RepositoryUnavailable(
                    f'The catalogue does not say which key is that of '
                    f'project {project_id}.', retryable=False)
            self._known[project_id] = self.of(project_id, refs[0])
        return self._known[project_id]

    def of(self, project_id, ref):
        manager, context = self._manager()
        return _text(_asked(
            f'give the key {ref} of project {project_id}',
            manager.get, context, ref).get_encoded())

    def all_of(self, project_id, refs):
        for ref in refs:
            # One that was replaced may be gone.
            with contextlib.suppress(_Unknown):
                yield self.of(project_id, ref)

    def make(self, project_id):
        password, ref = self._store(project_id)
        self._known[project_id] = password
        return password, ref

    def replace(self, project_id):
        return self._store(project_id)[1]

    def _store(self, project_id):
        from castellan.common.objects import passphrase

        password = os.urandom(32).hex()
        manager, context = self._manager()
        return password, _asked(
            f'keep a key for project {project_id}', manager.store, context,
            passphrase.Passphrase(
                password, name=f'manila-backup restic {project_id}'))

    def discard(self, ref):
        manager, context = self._manager()
        with contextlib.suppress(_Unknown):
            _asked(f'remove the key {ref}', manager.delete, context, ref)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


class _Unknown(base.RepositoryUnavailable):
    """The key manager has no such key."""


def _asked(doing, function, *args):
    """Its back ends raise what they like."""
    from castellan.common import exception as castellan_exc

    try:
        return function(*args)
    except Exception as exc:
        kind = (_Unknown if isinstance(
            exc, castellan_exc.ManagedObjectNotFoundError)
            else base.RepositoryUnavailable)
        raise kind(f'The key manager could not {doing}: {exc}') from exc
