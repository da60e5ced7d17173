# SPDX-License-Identifier: Apache-2.0
"""Metadata of a backup in a repository: its manifest, and the short form
beside that.

Both are described in repository-format.rst.
"""

import contextlib
import dataclasses
import json
import os

from manila_backup.copying import manifest
from manila_backup.copying import reporting
from manila_backup.copying import warnings
from manila_backup.drivers import base
from manila_backup.fs import dirent
from manila_backup.fs import errors

#: Name of the short form.
NAME = 'metadata.json'


def text(about, totals, digest):
    """The short form, as the bytes of its file."""
    return json.dumps({**about, **totals, 'manifest_sha256': digest},
                      indent=1, sort_keys=True).encode() + b'\n'


def write(fd, about, totals, digest):
    """Write the short form beside the manifest."""
    out = os.open(NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                  | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=fd)
    with open(out, 'wb') as target:
        target.write(text(about, totals, digest))


def read_text(fd):
    """The bytes of the short form.

    :raises OSError: it can't be read.
    """
    source = os.open(NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
                     | os.O_CLOEXEC, dir_fd=fd)
    with open(source, 'rb') as file:
        return file.read()


def read(fd):
    """The short form.

    :raises DamagedBackup: it is not there or not readable.
    """
    try:
        found = json.loads(read_text(fd))
        if not isinstance(found, dict):
            raise ValueError('not an object')
        return found
    except (OSError, ValueError) as exc:
        raise base.DamagedBackup(
            f'The backup\'s {NAME} can\'t be read: {exc}.') from exc


def open_manifest(fd, place):
    """The checked manifest of an opened backup.

    :raises DamagedBackup: it is not as it was written, or another backup's.
    """
    source = _open_manifest(fd)
    try:
        with _damage():
            found = manifest.Manifest(source)
            _check_place(found.about, place)
            return found
    except BaseException:
        os.close(source)
        raise


def check_manifest(fd, place):
    """Open the manifest of an opened backup, without reading its entries.

    :returns: int, a descriptor.
    :raises DamagedBackup: it is not as it was written, or another backup's.
    """
    source = _open_manifest(fd)
    try:
        with _damage():
            _check_place(manifest.check(source), place)
            return source
    except BaseException:
        os.close(source)
        raise


def read_warnings(fd, place, skip, limit):
    """Read warnings of an opened backup; see :func:`.warnings.read`.

    :raises DamagedBackup: the manifest is not as it was written, or another
        backup's.
    """
    source = _open_manifest(fd)
    try:
        with _damage():
            about, page = warnings.read(source, skip, limit)
            _check_place(about, place)
            return page
    finally:
        os.close(source)


def _open_manifest(fd):
    try:
        return manifest.open_in(fd)
    except OSError as exc:
        raise errors.failed('open the backup\'s', manifest.NAME, exc,
                            reporting.kind(exc)) from exc


@contextlib.contextmanager
def _damage():
    """Tell what a manifest that is read in the context has wrong."""
    try:
        yield
    except base.DriverError:
        raise
    except (dirent.Malformed, ValueError, IndexError, AttributeError,
            KeyError, TypeError) as exc:
        raise base.DamagedBackup(
            f'The backup\'s manifest is damaged: {exc}.') from exc
    except OSError as exc:
        raise errors.failed('read the backup\'s', manifest.NAME, exc,
                            reporting.kind(exc)) from exc


def _check_place(about, place):
    for name, value in dataclasses.asdict(place).items():
        if about[name] != value:
            raise dirent.Malformed(
                f'it is of a backup with {name} {about[name]!r}')
    if not isinstance(about['created_at'], str):
        raise dirent.Malformed('it does not say when it was made')
