# SPDX-License-Identifier: Apache-2.0
"""A file system in user space that does what odd ones do: it shows a
directory as it is, but for what a file with rules says, which may change at
any time.

    python -m tests.functional.odd_files SHOWN MOUNT_POINT RULES

RULES is a JSON list. ``["longer", LENGTH, ERRNO]`` has each operation on a
path of more bytes fail. ``[OPERATION, PATH, ERRNO]`` has an operation on a
path fail (``*`` for any of either); ``["ignored", PATH, OPERATION]`` has it
take a chown or chmod and do nothing; ``["twice", DIRECTORY, NAME]`` has a
listing name an entry twice; ``["links", COUNT, ERRNO]`` has a file have no
more names than that. What is removed while it is open gets another name, as
libfuse does.
"""

import contextlib
import errno
import json
import os
import subprocess
import sys
import threading
import time

_PATIENCE = 30


def mount(test, shown, point, rules=()):
    """Mount it for as long as a test goes on.

    :param test: a TestCase.
    :returns: an :class:`Odd`.
    """
    path = point + '.rules'
    odd = Odd(path)
    odd.set(rules)
    log = open(point + '.log', 'wb')
    test.addCleanup(log.close)
    process = subprocess.Popen(
        [sys.executable, '-m', __name__, shown, point, path],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    test.addCleanup(process.wait)
    # It does not end by being unmounted as long as any process in a mount
    # namespace of its own has got a copy of the mount, such as one that
    # another test has started meanwhile.
    test.addCleanup(process.kill)
    test.addCleanup(subprocess.run, ['umount', '-l', point], check=True)
    end = time.monotonic() + _PATIENCE
    while not os.path.ismount(point):
        test.assertIsNone(process.poll())
        test.assertLess(time.monotonic(), end)
        time.sleep(0.01)
    return odd


class Odd:
    """Controls of it, for a test to use while it is mounted."""

    def __init__(self, path):
        self._path = path

    def set(self, rules):
        """Have other rules from now on."""
        with open(self._path + '.new', 'w') as target:
            json.dump(rules, target)
        os.rename(self._path + '.new', self._path)


def _operations(mfusepy, shown, rules_path):
    """The file system's calls.

    :param mfusepy: the library, which is only there when it is mounted.
    """
    lock = threading.Lock()

    def rules():
        with lock, open(rules_path) as source:
            return json.load(source)

    def checked(name, path):
        for operation, where, code in rules():
            if operation == 'longer' and len(os.fsencode(path)) > where:
                raise mfusepy.FuseOSError(getattr(errno, code))
            if operation in (name, '*') and where in (path, '*'):
                raise mfusepy.FuseOSError(getattr(errno, code))
        return shown + path

    class Shown(mfusepy.Operations):
        use_ns = True

        def getattr(self, path, fh=None):
            st = os.lstat(checked('getattr', path))
            return {'st_mode': st.st_mode, 'st_nlink': st.st_nlink,
                    'st_uid': st.st_uid, 'st_gid': st.st_gid,
                    'st_size': st.st_size, 'st_blocks': st.st_blocks,
                    'st_rdev': st.st_rdev, 'st_ino': st.st_ino,
                    'st_atime': st.st_atime_ns, 'st_mtime': st.st_mtime_ns,
                    'st_ctime': st.st_ctime_ns}

        def opendir(self, path):
            checked('opendir', path)
            return 0

        def readdir(self, path, fh):
            where = checked('readdir', path)
            found = os.listdir(where)
            twice = [name for kind, where, name in rules()
                     if kind == 'twice' and where == path]
            return [(name, self._known(os.path.join(where, name)), 0)
                    for name in ('.', '..', *found, *(
                        name for name in twice if name in found))]

        def _known(self, path):
            st = os.lstat(path)
            return {'st_ino': st.st_ino, 'st_mode': st.st_mode}

        def readlink(self, path):
            return os.readlink(checked('readlink', path))

        def mknod(self, path, mode, dev):
            os.mknod(checked('mknod', path), mode, dev)

        def mkdir(self, path, mode):
            os.mkdir(checked('mkdir', path), mode)

        def unlink(self, path):
            os.unlink(checked('unlink', path))

        def rmdir(self, path):
            os.rmdir(checked('rmdir', path))

        def symlink(self, target, source):
            os.symlink(source, checked('symlink', target))

        def rename(self, old, new):
            checked('rename', old)
            os.rename(shown + old, checked('rename', new))

        def link(self, target, source):
            for kind, count, code in rules():
                if kind == 'links' and (
                        os.lstat(shown + source).st_nlink >= count):
                    raise mfusepy.FuseOSError(getattr(errno, code))
            os.link(shown + source, checked('link', target),
                    follow_symlinks=False)

        def chmod(self, path, mode):
            if ['ignored', path, 'chmod'] in rules():
                return
            os.chmod(checked('chmod', path), mode)

        def chown(self, path, uid, gid):
            if ['ignored', path, 'chown'] in rules():
                return
            os.chown(checked('chown', path),
                     *(-1 if each == 0xffffffff else each
                       for each in (uid, gid)), follow_symlinks=False)

        def truncate(self, path, length, fh=None):
            os.truncate(checked('truncate', path), length)

        def utimens(self, path, times=None):
            os.utime(checked('utimens', path), ns=times,
                     follow_symlinks=False)

        def open(self, path, flags):
            return os.open(checked('open', path), flags & ~os.O_NOFOLLOW)

        def create(self, path, mode, fi=None):
            return os.open(checked('create', path),
                           os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

        def read(self, path, size, offset, fh):
            checked('read', path)
            return os.pread(fh, size, offset)

        def write(self, path, data, offset, fh):
            checked('write', path)
            return os.pwrite(fh, data, offset)

        def flush(self, path, fh):
            return 0

        def fsync(self, path, datasync, fh):
            return 0

        def release(self, path, fh):
            os.close(fh)
            return 0

        def listxattr(self, path):
            return os.listxattr(checked('listxattr', path),
                                follow_symlinks=False)

        def getxattr(self, path, name, position=0):
            return os.getxattr(checked('getxattr', path), name,
                               follow_symlinks=False)

        def setxattr(self, path, name, value, options, position=0):
            os.setxattr(checked('setxattr', path), name, value, options,
                        follow_symlinks=False)

        def removexattr(self, path, name):
            os.removexattr(checked('removexattr', path), name,
                           follow_symlinks=False)

        def statfs(self, path):
            found = os.statvfs(shown)
            return {name: getattr(found, name) for name in dir(found)
                    if name.startswith('f_') and name != 'f_fsid'}

    return Shown()


def main():
    import mfusepy

    shown, point, rules = sys.argv[1:]
    os.umask(0)
    with contextlib.suppress(KeyboardInterrupt):
        mfusepy.FUSE(
            _operations(mfusepy, shown, rules), point, foreground=True,
            allow_other=True, default_permissions=False, attr_timeout=0,
            entry_timeout=0, ac_attr_timeout=0, negative_timeout=0,
            use_ino=True)


if __name__ == '__main__':
    main()
