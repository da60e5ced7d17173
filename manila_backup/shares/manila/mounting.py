# SPDX-License-Identifier: Apache-2.0
"""Mounting a share for the time of an attempt."""

import contextlib
import dataclasses
import os

from manila_backup import exception
from manila_backup.fs import mount_commands
from manila_backup.fs import private_mounts
from manila_backup.shares import base

# Flags of mount(2).
_READ_ONLY, _NO_SUID, _NO_DEV, _NO_EXEC = 1, 2, 4, 8

_CEPHFS = 'CEPHFS'


@dataclasses.dataclass(frozen=True)
class MountSettings:
    """Settings of mounting, from ``[manila_shares]``.

    :ivar options: dict of True (CephFS) and False to mount options.
    :ivar secret: str, what the secret file has where Manila hands out no key;
        or None.
    """

    base: str
    mount_template: str
    unmount_template: str
    options: dict
    timeout: float
    administrative: bool
    secret: str | None = dataclasses.field(default=None, repr=False)

    @classmethod
    def from_conf(cls, options):
        """From the configuration's group.

        :raises manila_backup.exception.ConfigurationError: it makes no
            sense.
        """
        found = cls(options.mount_point_base, options.mount_template,
                    options.unmount_template,
                    {True: options.cephfs_mount_options,
                     False: options.nfs_mount_options},
                    options.mount_timeout, options.admin_export_locations,
                    options.mount_secret)
        if not os.path.isabs(found.base):
            raise exception.ConfigurationError(
                f'[manila_shares] mount_point_base must be an absolute path, '
                f'not "{found.base}".')
        mount_commands.refuse('manila_shares', options, (
            'mount_template', 'unmount_template', 'nfs_mount_options',
            'cephfs_mount_options'))
        found.commands(dict.fromkeys(_PLACEHOLDERS, ''))
        for ceph in found.options:
            found.further(ceph, '')
        return found

    def further(self, ceph, secret_file):
        """Return the configured mount options.

        :param ceph: bool, those for CephFS.
        """
        name = 'cephfs_mount_options' if ceph else 'nfs_mount_options'
        return mount_commands.fill(f'[manila_shares] {name}',
                                   self.options[ceph],
                                   secret_file=secret_file)

    def commands(self, values):
        """The commands that mount and unmount.

        :param values: dict of placeholder to str.
        :returns: (tuple of str, tuple of str).
        """
        return tuple(
            mount_commands.command(f'[manila_shares] {name}', template,
                                   ('path',), **values)
            for name, template in (
                ('mount_template', self.mount_template),
                ('unmount_template', self.unmount_template)))

    def point(self, job):
        """Return the mount point of an attempt."""
        return os.path.join(self.base, f'{job.operation_id}.{job.attempt}')


_PLACEHOLDERS = ('type', 'options', 'export', 'path', 'protocol', 'share_id',
                 'access_to', 'secret_file')


@contextlib.contextmanager
def mounted(settings, share, mountable, grantee, job):
    """Mount something; nobody but this process and its children can reach
    it, and it goes with this process. Which must have no threads, and is in
    another mount namespace afterwards.

    :param share: dict, the share that it is or was made of.
    :param mountable: a :class:`.snapshots.Mountable`.
    :returns: context manager of a str, a directory.
    :raises ShareError: it can't be mounted.
    """
    mount = _mount(settings, share, mountable.exports,
                   mountable.key or settings.secret, grantee, job)
    try:
        yield settings.point(job)
    finally:
        mount.close()


def order(exports, administrative):
    """The export locations that can be tried, best first.

    :param administrative: bool, whether those for administrators are better
        than others, rather than only for want of others.
    :returns: list of str, their paths.
    """
    usable = [each for each in exports if each.get('path')]
    usable.sort(key=lambda each: (
        bool(each.get('is_admin_only')) != administrative,
        not each.get('preferred')))
    if not administrative and usable and not usable[0].get('is_admin_only'):
        usable = [each for each in usable if not each.get('is_admin_only')]
    return list(dict.fromkeys(each['path'] for each in usable))


def _mount(settings, share, exports, secret, grantee, job):
    paths = order(exports, settings.administrative)
    if not paths:
        raise base.ShareError(f'Share {share["id"]} has no export location.',
                              retryable=True)
    file = (private_mounts.secret_file(settings.point(job)) if secret
            else 'none')
    failed = []
    for export in paths:
        if export.startswith('-'):
            failed.append(f'{export}: not something that can be mounted')
            continue
        mount, unmount = settings.commands(
            _values(settings, share, export, file, grantee, job))
        try:
            made = private_mounts.PrivateMount(
                settings.point(job), mount, unmount, settings.timeout,
                settings.timeout, _flags(job), passing=True,
                secret=secret)
            try:
                made.enter()
            except (private_mounts.Failed, OSError):
                made.close()
                raise
            return made
        except (private_mounts.Failed, OSError) as exc:
            failed.append(f'{export}: {exc}')
    raise base.ShareError(
        f'Share {share["id"]} can\'t be mounted: {"; ".join(failed)}.',
        retryable=True)


def _values(settings, share, export, secret, grantee, job):
    ceph = share['share_proto'].upper() == _CEPHFS
    options = ['nosuid', 'nodev', 'noexec', *(['ro'] if job.read_only
                                              else [])]
    if ceph and grantee.type == 'cephx':
        options += [f'name={grantee.to}', f'secretfile={secret}']
    if settings.options[ceph]:
        options.append(settings.further(ceph, secret))
    return {'type': 'ceph' if ceph else 'nfs', 'options': ','.join(options),
            'export': export, 'path': settings.point(job),
            'protocol': share['share_proto'], 'share_id': share['id'],
            'access_to': grantee.to, 'secret_file': secret}


def _flags(job):
    return (_NO_SUID | _NO_DEV | _NO_EXEC
            | (_READ_ONLY if job.read_only else 0))
