# SPDX-License-Identifier: Apache-2.0
"""The table of errnos: whose it is, when a system call on one entry fails.

A backup and a restore go on after what is of the entry alone: it is told by
name, and all the rest is done first. What is of a file system ends them, to be
tried again where that may help.
"""

import enum
import errno as codes
import os
import typing


class Of(enum.Enum):
    """Whose it is, and what follows."""

    #: This entry's: told by name and passed over.
    ENTRY = 'entry'
    #: The file system's, or the host's, for a while: tried again.
    PASSING = 'passing'
    #: The file system's, and trying again does not help: it fails.
    WHOLE = 'whole'
    #: Of what a repository should have: the backup is damaged.
    DAMAGE = 'damage'


class Meaning(typing.NamedTuple):
    """Whose an errno is.

    :ivar share: from a call on an entry of the share.
    :ivar reading: from one that reads a backup's entry.
    :ivar writing: from one that writes an entry to the repository.
    """

    share: Of
    reading: Of
    writing: Of


_E, _P, _W, _D = Of.ENTRY, Of.PASSING, Of.WHOLE, Of.DAMAGE

_SAME = {each: Meaning(each, each, each) for each in Of}


def _table():
    table = {}

    def add(meaning, names):
        for name in names.split():
            # Not every system has all of them.
            code = getattr(codes, name, None)
            if code is not None:
                table[code] = meaning

    # It is gone, or has become something else. A share's entries come and go.
    add(Meaning(_E, _D, _W), 'ENOENT ENOTDIR ELOOP EISDIR')
    # Somebody made another of that name meanwhile, or a listing named one
    # twice; or it is never empty, as a directory with what is held open under
    # a name like .nfsXXXX or .fuse_hiddenXXXX, or has a mount on it.
    add(Meaning(_E, _W, _W), 'EEXIST ENOTEMPTY ETXTBSY')
    add(Meaning(_E, _P, _P), 'EBUSY')
    # Immutable, or not ours; a server or a program may refuse one file. In a
    # repository, everything is ours.
    add(Meaning(_E, _W, _W), 'EPERM EACCES')
    # The disk lost it, or its memory did; it is not as the file system wrote
    # it, or has no valid name.
    add(Meaning(_E, _D, _W), 'EIO EUCLEAN EBADMSG EREMOTEIO EHWPOISON')
    add(Meaning(_E, _D, _E), 'EILSEQ')
    # More than the file system can hold: a name, a target, a file.
    add(Meaning(_E, _W, _E), 'ENAMETOOLONG EFBIG EOVERFLOW EINVAL ERANGE '
                             'E2BIG EDOM')
    # Not with this file system, or not with this kind of entry.
    add(Meaning(_E, _W, _E), 'EOPNOTSUPP ENOTSUP ENOSYS ENOTTY ENXIO ENODEV '
                             'ENODATA ESPIPE EPROTONOSUPPORT')
    # Enough names; on another file system than what it is to go with.
    add(Meaning(_E, _W, _E), 'EMLINK EXDEV')
    # Encrypted, and without its key.
    add(Meaning(_E, _W, _W), 'ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED '
                             'ENOPKG')
    # Somebody has it locked, or two locks wait for one another.
    add(Meaning(_E, _P, _P), 'EDEADLK ENOLCK')
    # A server's file that was removed there; or all of them: probe().
    add(Meaning(_E, _P, _P), 'ESTALE')
    # A network file system's server is away, or evicted us; the program
    # behind one in user space is.
    add(_SAME[_P], 'ETIMEDOUT ENOTCONN ECONNRESET ECONNREFUSED ECONNABORTED '
                   'EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ENETRESET '
                   'ESHUTDOWN EPIPE ENOLINK ENONET ECOMM EPROTO ETIME '
                   'EREMCHG')
    # There may be more of it in a while.
    add(_SAME[_P], 'ENOMEM ENFILE EMFILE ENOBUFS EAGAIN EINTR')
    # Full; only to be read from now on; taken away.
    add(_SAME[_W], 'ENOSPC EDQUOT EROFS ENOMEDIUM EMEDIUMTYPE')
    # Not the entry's, but a mistake here.
    add(_SAME[_W], 'EBADF EFAULT ENOTBLK')
    return table


TABLE = _table()

#: What one in user space may make up.
_UNKNOWN = Meaning(_E, _W, _W)

#: What a whole file system says too, once it is broken or gone.
_OF_ALL = frozenset((codes.EIO, codes.ESTALE, codes.EUCLEAN, codes.EREMOTEIO,
                     codes.EACCES, codes.EPERM))

#: So many entries that could not be read are no sign of the file system's
#: being broken, whatever else there is.
FEW = 100


def meaning(exc):
    """Look up an OSError in the table."""
    return TABLE.get(exc.errno, _UNKNOWN)


def is_of_entry(exc, root=None):
    """Tell whether a call on the share failed because of the one entry.

    :param exc: the OSError.
    :param root: int, descriptor of the share's directory, to ask whether the
        file system answers for anything else; None not to.
    """
    return meaning(exc).share is Of.ENTRY and not (
        root is not None and exc.errno in _OF_ALL and is_broken(root))


def is_passing(exc):
    """Tell whether an operation that this error ended is worth retrying."""
    return Of.PASSING in meaning(exc)


def can_not_hold(exc):
    """Tell whether the repository can't store the entry that was being
    written."""
    return meaning(exc).writing is Of.ENTRY


def is_broken(root):
    """Tell whether a file system fails to list even its root.

    :param root: int, descriptor of a directory.
    """
    fd = None
    try:
        # Another descriptor: the one at hand may be listed just now.
        fd = os.open('.', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC,
                     dir_fd=root)
        with os.scandir(fd) as entries:
            next(entries, None)
    except OSError:
        return True
    finally:
        if fd is not None:
            os.close(fd)
    return False


def are_too_many(failed, done):
    """Tell whether so many entries can't be read that the file system must be
    at fault.

    :param failed: int, entries that could not be.
    :param done: int, entries that could.
    """
    return failed > FEW and failed > done
