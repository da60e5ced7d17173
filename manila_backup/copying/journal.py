# SPDX-License-Identifier: Apache-2.0
"""The journal of a copy that is being made: parts of its manifest, one for
each process that copies, and the list of its directories. Who takes over a
copy that was interrupted finds there which of its files are complete.
"""

import os
import time

from manila_backup.copying import reporting
from manila_backup.copying import tree
from manila_backup.fs import attributes
from manila_backup.fs import btrfs
from manila_backup.fs import content
from manila_backup.fs import dirent
from manila_backup.fs import errors
from manila_backup.fs import handles
from manila_backup.fs import syscalls

#: In the directory that a tree is copied to: the copy, the journal, and the
#: list of directories in that.
DATA = 'data'
PARTS = 'parts'
DIRECTORIES = 'directories'


def prepare(directory, subvolume=False):
    """Make what a copy goes to.

    :param directory: int, descriptor of an empty one, which is made private.
    :param subvolume: bool, whether the copy is to be one of btrfs where that
        can be.
    """
    # What it inherits would be inherited by all in it.
    os.fchmod(directory, 0o700)
    if attributes.DEFAULT_ACL in dict(attributes.read_xattrs(directory)):
        os.removexattr(directory, attributes.DEFAULT_ACL)
    os.mkdir(PARTS, 0o700, dir_fd=directory)
    if subvolume and not _has_quotas(directory):
        btrfs.make_directory(DATA, directory)
    else:
        os.mkdir(DATA, 0o700, dir_fd=directory)


def _has_quotas(directory):
    try:
        return btrfs.has_quotas(directory)
    except OSError:
        return False    # it is no btrfs


def begin(directory):
    """This process's part of the manifest: (path, descriptor, size)."""
    name = f'{PARTS}/{os.urandom(8).hex()}'
    # Nobody else writes to it, so O_APPEND would only cost a look at its size
    # with each write.
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                 0o600, dir_fd=directory)
    head = f'part 2 {syscalls.boot_id()} {time.time():.6f}\n'.encode()
    content.write_all(fd, head)
    return name, fd, len(head)


def open_list(directory):
    """Begin the list of directories of an attempt.

    :returns: (a :class:`~.tree.Journal`, the descriptors that it uses).
    """
    fd = os.open(f'{PARTS}/{DIRECTORIES}',
                 os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600,
                 dir_fd=directory)
    # Eight bytes for each, on this host: where the repository is far away,
    # those that copy would wait for it.
    scratch = handles.scratch()
    return tree.Journal(fd, scratch), (fd, scratch)


def set_directories(spans, spool, paths, directory, progress, noted=True):
    """Give directories their attributes, when nothing is made in them any
    more.

    :param spans: iterator of (number, offset, size) in the spool.
    :param paths: :class:`~manila_backup.fs.numbered.Paths` of the directories
        in there.
    :param noted: as for :class:`~.attributes.Setter`.
    :returns: dict like that of :class:`~.store.Storer`.
    """
    problems = reporting.Problems()
    setter = attributes.Setter(readable=True, noted=noted)
    data = os.open(DATA, handles.DIRECTORY, dir_fd=directory)
    descent = handles.Descent(data)
    name, part, end = begin(directory)
    done = []
    files = 0
    os.umask(0)
    for number, offset, size in spans:
        texts = []
        for text in spool.get(offset, size):
            entry = dirent.parse(text[:-1])
            path = paths.path(entry.extra[0])
            try:
                fd = descent.enter(path)
                lost = [*entry.lost,
                        *setter.apply(fd, entry, os.fstat(fd),
                                      had=attributes.read_xattrs(fd))]
            except OSError as exc:
                raise errors.failed(
                    'set in the repository the attributes of', path,
                    exc) from exc
            if lost:
                problems.lost(path, lost, stored=True)
                text = dirent.line(entry, lost)
            texts.append(text)
            counted = path != handles.ROOT
            files += counted
            progress.advance(int(counted), 0, reporting.COPIED)
        text = b''.join(texts)
        try:
            content.write_all(part, text)
        except OSError as exc:
            raise errors.failed('write the repository\'s', 'manifest',
                                exc) from exc
        done.append((number, end, len(text)))
        end += len(text)
    return {'part': name, 'spans': done,
            'files': files, 'bytes': 0, 'stored_bytes': 0, 'kept': 0,
            'problems': problems.sentences, 'count': problems.count,
            'missing': problems.missing, 'notes': problems.notes,
            'are_cut': problems.are_cut}
