# SPDX-License-Identifier: Apache-2.0
"""Backups as plain trees on an export that the worker mounts itself."""

import contextlib
import os

from manila_backup.drivers import base
from manila_backup.drivers.nfs import mount
from manila_backup.drivers.posix import driver as posix
from manila_backup.drivers.posix import marker
from manila_backup import exception
from manila_backup.fs import mount_commands
from manila_backup.fs import private_mounts


class NfsDriver(posix.PosixDriver):
    """The posix driver, with its repository on a mount of its own.

    :param settings: a :class:`~.mount.ExportSettings`.
    """

    LOCATION = 'nfs', 'export'

    def __init__(self, settings, *args, **kwargs):
        super().__init__(settings.export, *args, **kwargs)
        self._mount = mount.Mount(settings)

    @classmethod
    def from_conf(cls, conf):
        return cls(settings_of(conf.nfs), *cls.settings_of(conf))

    def check(self, create=False):
        if create:
            with self._mounted() as root:
                marker.initialise(self.path, root)
        super().check()

    def verify(self, place, progress):
        damages = super().verify(place, progress)
        if damages and self._mount.is_stale():
            raise self._gone(damages[0])
        return damages

    def _reachable(self):
        return None     # it is mounted for another process

    @contextlib.contextmanager
    def _open(self):
        with self._mounted() as root:
            with self._repository(root) as repository:
                yield repository

    @contextlib.contextmanager
    def _mounted(self):
        """Use the mounted repository. A failure after the mount was lost says
        nothing about a backup, and is retryable."""
        with self._mount.use() as fd:
            try:
                yield f'/proc/self/fd/{fd}'
            except base.DriverError as exc:
                if exc.retryable or not self._mount.is_stale():
                    raise
                raise self._gone(exc) from exc

    def _gone(self, said):
        return base.RepositoryUnavailable(
            f'The mount of "{self.path}" was lost: {said}')


def settings_of(options):
    """Read the configuration's group ``[nfs]``.

    :raises manila_backup.exception.ConfigurationError: it makes no sense.
    """
    export = options.export or ''
    if not export or export.startswith('-'):
        raise exception.ConfigurationError(
            f'[nfs] export must be something that can be mounted, not '
            f'"{export}".')
    if not os.path.isabs(options.mount_point_base):
        raise exception.ConfigurationError(
            f'[nfs] mount_point_base must be an absolute path, not '
            f'"{options.mount_point_base}".')
    mount_commands.refuse('nfs', options, (
        'export', 'mount_options', 'mount_template', 'unmount_template'))
    path = os.path.join(options.mount_point_base, 'nfs')
    secret = options.mount_secret and {
        'secret_file': private_mounts.secret_file(path)}
    values = {'export': export, 'path': path, 'options': mount_commands.fill(
        '[nfs] mount_options', options.mount_options, **(secret or {}))}
    return mount.ExportSettings(
        export, path,
        mount_commands.command('[nfs] mount_template', options.mount_template,
                               ('path',), **values, **(secret or {})),
        mount_commands.command('[nfs] unmount_template',
                               options.unmount_template, ('path',), **values),
        options.mount_attempts, options.mount_timeout, options.mount_secret)
