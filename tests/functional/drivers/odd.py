# SPDX-License-Identifier: Apache-2.0
"""Shares on file systems that do odd things with single entries: one of them
never ends the whole, and each is told by its own name.

Among the functional tests, and of ``make fidelity``.
"""

import errno
import os
import re
import stat
import subprocess

from manila_backup.drivers import base
from manila_backup.drivers.conformance import case
from manila_backup.drivers.conformance import trees
from manila_backup.fs import errnos
from tests.functional import odd_files

_QUOTED = re.compile(r'"([^"]*)"')

#: All that a call on one entry of a share can say and go on; but that it is
#: gone, of which there is nothing to tell.
OF_ENTRY = sorted(
    errno.errorcode[code] for code, meaning in errnos.TABLE.items()
    if meaning.share is errnos.Of.ENTRY and code not in (
        errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV,
        # The kernel's own business with the program behind the files.
        errno.ENOSYS, errno.ESTALE))

#: What ends the whole; but for what is tried again below us.
OF_ALL = sorted(errno.errorcode[code]
                for code, meaning in errnos.TABLE.items()
                if meaning.share in (errnos.Of.PASSING, errnos.Of.WHOLE)
                and code not in (errno.EINTR, errno.EAGAIN))


def told(report):
    """The paths that a report names, one for each problem."""
    return sorted(_QUOTED.search(text)[1] for text in report.problems)


def _unlinked(found):
    """A snapshot of a tree without what differs by numbers of names."""
    return {path: {name: value for name, value in facts.items()
                   if name not in ('links', 'nlink')}
            for path, facts in found.items()}


def _file(path):
    trees.write(path, b'shared')


def _symlink(path):
    os.symlink('somewhere', path)


def _fifo(path):
    os.mkfifo(path)


def _socket(path):
    os.mknod(path, stat.S_IFSOCK | 0o640)


def _odd_symlink(path):
    os.symlink(b'\xff', path)


class Odd(case.Case):
    """Requirements on all drivers.

    :cvar KEEPS_UNLISTED: bool, whether a backup has a directory itself that
        could not be listed.
    """

    KEEPS_UNLISTED = True

    def setUp(self):
        super().setUp()
        self.shown = self.make('shown')
        self.share = self.make('share')

    def mount(self, rules=()):
        """Show what is in ``shown`` as the share."""
        self.odd = odd_files.mount(self, self.shown, self.share, rules)

    def write(self, *names, content=b'content'):
        for name in names:
            path = os.path.join(self.shown, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            trees.write(path, content + name.encode())

    # -- backups

    def assertMissed(self, names, report):
        """Check that a backup has all of what is shown but those, that it
        names them, and that restoring it leaves them alone."""
        self.assertEqual(sorted(names), told(report), report.problems)
        self.assertEqual([], self.verify())
        before = trees.snapshot(self.shown)
        self.odd.set([])
        # Nothing of the share is removed for not being in the backup.
        self.write('late')
        report = self.restore(target=self.share)
        self.assertEqual(0, report.missing)
        self.assertSame(before, self.shown)
        self.restore()
        for path in [*before]:
            # Of what could not be listed, the directory itself is there.
            if not (path == b'e/in' and self.KEEPS_UNLISTED) and any(
                    (path + b'/').startswith(name.encode() + b'/')
                    for name in names):
                del before[path]
        self.assertSame(before, self.target)

    def test_files_that_can_not_be_read(self):
        for call in ('open', 'read'):
            self.write(*(f'{call}/{code}' for code in OF_ENTRY))
        names = [f'{call}/{code}' for call in ('open', 'read')
                 for code in OF_ENTRY]
        self.write('a/good', 'open/good', 'zz')
        self.mount([[*name.split('/')[:1], '/' + name, name.split('/')[1]]
                    for name in names])
        self.assertMissed(names, self.backup(source=self.share, still=False))

    def test_entries_that_can_not_be_looked_at(self):
        self.write('a/good', 'a/bad', 'd/in/it', 'e/in/it')
        os.symlink('target', os.path.join(self.shown, 'a', 'link'))
        self.mount([['getattr', '/a/bad', 'EIO'],
                    ['readlink', '/a/link', 'EIO'],
                    ['opendir', '/d/in', 'EACCES'],
                    ['readdir', '/e/in', 'EIO']])
        report = self.backup(source=self.share, still=False)
        self.assertMissed(['a/bad', 'a/link', 'd/in', 'e/in'], report)

    def test_a_listing_that_names_an_entry_twice(self):
        self.write('f', 'd/f', 'd/e/f', 'large', content=b'x' * 100_000)
        os.symlink('target', os.path.join(self.shown, 'link'))
        os.mkfifo(os.path.join(self.shown, 'd', 'fifo'))
        for name in 'ab':
            os.link(os.path.join(self.shown, 'f'),
                    os.path.join(self.shown, name))
        self.mount([
            *(['twice', '/', name] for name in (
                'f', 'd', 'large', 'link', 'a', 'b')),
            *(['twice', '/d', name] for name in ('f', 'e', 'fifo'))])
        report = self.backup(source=self.share)
        self.assertEqual((), report.problems)
        before = trees.snapshot(self.shown)
        self.assertEqual(len(before) - 1, report.files)
        self.assertStored(self.shown)
        # And where it is restored to.
        self.write('extra/f', 'extra/d/f', 'changed')
        self.mount_rules_twice()
        report = self.restore(target=self.share)
        self.assertEqual((), report.problems)
        self.assertSame(before, self.shown)

    def mount_rules_twice(self):
        self.odd.set([['twice', '/', 'extra'], ['twice', '/', 'f'],
                      ['twice', '/extra', 'f'], ['twice', '/extra', 'd']])

    # -- a limit of whole paths

    def nested(self):
        """Have entries of each kind with paths of up to 400 bytes.

        :returns: list of str, those of more than 250 bytes, but for what is
            in directories among them.
        """
        name = 'n' * 40
        at = ''
        for _ in range(9):
            self.write(f'{at}f')
            os.symlink('target', os.path.join(self.shown, f'{at}link'))
            os.mkfifo(os.path.join(self.shown, f'{at}fifo'))
            at += name + '/'
            os.mkdir(os.path.join(self.shown, at))
        self.write('zz')
        # Six times 41 bytes, and the slash at the beginning.
        at = f'{name}/' * 6
        return [f'{at}{each}' for each in ('fifo', 'link', name)]

    def test_attributes_of_any_name(self):
        """Attributes that the share can't hold; their names may be told
        anywhere."""
        path = os.path.join(self.source, 'named')
        trees.write(path, b'content')
        os.setxattr(path, b'user.\xff\n\x1b', b'1')
        self.backup()
        self.mount([['setxattr', '*', 'EOPNOTSUPP']])
        report = self.restore(target=self.share)
        self.assertEqual(
            ('"named": could not keep its extended attribute '
             'user.\\xff\\n\\x1b.',), report.problems)
        self.odd.set([])
        self.restore()
        self.assertSame(self.source, self.target)

    def test_paths_that_are_too_long_to_be_read(self):
        names = self.nested()
        self.mount([['longer', 250, 'ENAMETOOLONG']])
        report = self.backup(source=self.share, still=False)
        self.assertMissed(names, report)

    def test_paths_that_are_too_long_to_be_restored(self):
        names = self.nested()
        self.mount()
        self.backup(source=self.share)
        before = trees.snapshot(self.shown)
        subprocess.run(['find', self.shown, '-mindepth', '1', '-delete'],
                       check=True)
        self.odd.set([['longer', 250, 'ENAMETOOLONG']])
        for _ in range(2):
            report = self.restore(target=self.share)
            found = told(report)
            self.assertLessEqual(set(names), set(found))
            for name in found:
                self.assertTrue(name.startswith(tuple(names)), name)
            # A device or FIFO may not be wanted at all.
            self.assertIn(report.missing, range(1, len(found) + 1))
            now = trees.snapshot(self.shown)
            self.assertEqual({path for path in before if not (
                path.decode().startswith(tuple(names)))}, set(now))
            self.write('zz', content=b'changed')
        self.odd.set([])
        self.restore(target=self.share)
        self.assertSame(before, self.shown)

    # -- restores

    def test_what_is_held_open_stays(self):
        self.write('kept')
        self.mount()
        self.backup(source=self.share)
        self.write('extra/deep/deep/open', 'extra/deep/other', 'extra/more')
        before = trees.snapshot(self.shown)
        with open(os.path.join(self.share, 'extra/deep/deep/open')):
            report = self.restore(target=self.share)
            self.assertEqual(0, report.missing)
            self.assertEqual(1, report.problem_count, report.problems)
            # Where it is now is the other's choice.
            self.assertRegex(told(report)[0],
                             r'^extra/deep/deep(/\.fuse_hidden\w*)?$')
            now = trees.snapshot(self.shown)
            self.assertEqual(
                {b'.', b'kept', b'extra', b'extra/deep', b'extra/deep/deep'},
                {path for path in now if b'fuse_hidden' not in path})
            self.assertEqual(before[b'kept'], now[b'kept'])
        self.restore(target=self.share)
        self.assertEqual({b'.', b'kept'}, set(trees.snapshot(self.shown)))

    def test_what_can_not_be_removed(self):
        self.write('kept')
        self.mount()
        self.backup(source=self.share)
        names = [f'extra/{code}' for code in OF_ENTRY
                 if code not in ('EISDIR',)]
        self.write(*names, 'extra/other', 'other/f', 'd/in/it', 'd/free')
        self.odd.set([
            *(['unlink', '/' + name, name.split('/')[1]] for name in names),
            ['rmdir', '/other', 'EIO'], ['opendir', '/d/in', 'EACCES']])
        report = self.restore(target=self.share)
        self.assertEqual(sorted([*names, 'other', 'd/in']), told(report))
        self.assertEqual(0, report.missing)
        self.assertEqual(
            {'kept', *names, 'other', 'd/in/it'},
            {path.decode() for path in trees.snapshot(self.shown)}
            - {'.', 'extra', 'd', 'd/in'})

    def test_what_can_not_be_written(self):
        codes = [code for code in OF_ENTRY if code != 'EEXIST']
        for call in ('create', 'write'):
            self.write(*(f'{call}/{code}' for code in codes))
        names = [f'{call}/{code}' for call in ('create', 'write')
                 for code in codes]
        self.write('a/good', 'create/good', 'zz', 'late/f')
        self.mount()
        self.backup(source=self.share)
        before = trees.snapshot(self.shown)
        for name in names:
            os.unlink(os.path.join(self.shown, name))
        for name in ('a/good', 'late/f'):
            os.unlink(os.path.join(self.shown, name))
        os.rmdir(os.path.join(self.shown, 'late'))
        self.odd.set([[*name.split('/')[:1], '/' + name,
                       name.split('/')[1]] for name in names])
        report = self.restore(target=self.share)
        self.assertEqual(sorted(names), told(report), report.problems)
        # As of what is immutable, which is how it is meant to be.
        self.assertEqual(len(names) - 2, report.missing)
        now = trees.snapshot(self.shown)
        self.assertEqual(set(before), set(now) | {
            name.encode() for name in names})
        self.odd.set([])
        report = self.restore(target=self.share)
        self.assertEqual((0, ()), (report.missing, report.problems))
        self.assertSame(before, self.shown)

    def test_what_is_taken_and_not_kept(self):
        self.write('owner', 'mode', 'both')
        for name in ('owner', 'both'):
            os.chown(os.path.join(self.shown, name), 5, 6)
        os.chmod(os.path.join(self.shown, 'mode'), 0o640)
        os.chmod(os.path.join(self.shown, 'both'), 0o4755)
        self.mount()
        self.backup(source=self.share)
        for name in ('owner', 'both'):
            os.unlink(os.path.join(self.shown, name))
        os.chmod(os.path.join(self.shown, 'mode'), 0o600)
        self.odd.set([['ignored', '/owner', 'chown'],
                      ['ignored', '/both', 'chown'],
                      ['ignored', '/mode', 'chmod']])
        report = self.restore(target=self.share)
        self.assertEqual(['both', 'mode', 'owner'], told(report))
        said = sorted(report.problems)
        self.assertIn('could not keep its owner and group', said[0])
        self.assertIn('could not keep its mode', said[1])
        self.assertIn('could not keep its owner and group', said[2])
        # Nobody runs it with the rights of another owner.
        self.assertFalse(os.stat(os.path.join(
            self.shown, 'both')).st_mode & 0o6000)

    def test_what_is_in_the_way_is_called_by_its_path(self):
        self.write('a/d/file')
        os.symlink('nowhere', os.path.join(self.shown, 'a/d/link'))
        os.mkfifo(os.path.join(self.shown, 'a/d/fifo'))
        self.mount()
        self.backup(source=self.share)
        names = [f'a/d/{name}' for name in ('fifo', 'file', 'link')]
        for name in names:
            os.unlink(os.path.join(self.shown, name))
            self.write(f'{name}/in/stays')
        self.write('a/d/extra/in/stays')
        stay = [f'/{name}/in/stays' for name in (*names, 'a/d/extra')]
        self.odd.set([['unlink', path, 'EPERM'] for path in stay])
        report = self.restore(target=self.share)
        self.assertEqual(sorted([*names, 'a/d/extra/in/stays']),
                         told(report), report.problems)
        for name in names:
            self.assertTrue(any(
                text.startswith('Could not restore in the share '
                                f'"{name}", because of "{name}/in/stays": ')
                for text in report.problems), report.problems)
        # And if it ends it all, when extras are removed and after that.
        self.odd.set([['unlink', path, 'EROFS'] for path in stay])
        for named in 'a/d/extra/in/stays', 'a/d/(fifo|file|link)/in/stays':
            with self.assertRaisesRegex(base.DriverError, f'"{named}"'):
                self.restore(target=self.share)
            subprocess.run(['rm', '-rf', os.path.join(
                self.shown, 'a/d/extra')], check=True)

    # -- a limit of names of one file

    def _links(self, *make):
        """Have seven names, in two directories, of one of each.

        :param make: functions that make an entry, by a path.
        """
        for name in 'ab':
            os.mkdir(os.path.join(self.shown, name))
        for function in make:
            first = os.path.join(self.shown, 'a', function.__name__)
            function(first)
            for number in range(6):
                os.link(first, os.path.join(
                    self.shown, 'ab'[number % 2],
                    f'{function.__name__} {number}'), follow_symlinks=False)

    def _assert_parted(self, before, count):
        """Restore into an empty share that allows three names of a file, and
        assert that all are there and that it is told which are names of
        another than the first."""
        subprocess.run(['find', self.shown, '-mindepth', '1', '-delete'],
                       check=True)
        self.odd.set([['links', 3, 'EMLINK']])
        report = self.restore(target=self.share)
        self.assertEqual(0, report.missing, report.problems)
        self.assertEqual(_unlinked(before), _unlinked(trees.snapshot(
            self.shown)))
        parted = told(report)
        for text in report.problems:
            self.assertIn(' is a copy in the share', text)
        found = {}
        for where, _, names in os.walk(self.shown):
            for name in names:
                st = os.lstat(os.path.join(where, name))
                self.assertLessEqual(st.st_nlink, 3)
                found.setdefault(st.st_ino, set()).add(os.path.relpath(
                    os.path.join(where, name), self.shown))
        self.assertEqual([3] * count, [
            len(names) for names in found.values()
            if not names & set(parted)], (found, report.problems))
        self.assertEqual(4 * count, len(parted))
        # There is a way, once there can be as many.
        self.odd.set([])
        self.assertEqual((), self.restore(target=self.share).problems)
        self.assertSame(before, self.shown)

    def test_more_names_than_a_file_of_the_share_can_have(self):
        self._links(_file)
        self.mount()
        self.backup(source=self.share)
        self._assert_parted(trees.snapshot(self.shown), 1)

    def test_more_names_than_anything_else_can_have(self):
        make = [_symlink, _odd_symlink, _fifo, _socket]
        self._links(*make)
        self.mount()
        self.backup(source=self.share)
        self._assert_parted(trees.snapshot(self.shown), len(make))

    # -- what ends it all

    def test_what_is_of_all(self):
        self.write('a/f', 'b/f')
        self.mount()
        self.backup(source=self.share)
        for code in OF_ALL:
            with self.subTest(code):
                os.truncate(os.path.join(self.shown, 'a/f'), 0)
                self.odd.set([['write', '*', code], ['create', '*', code]])
                with self.assertRaises(base.DriverError) as got:
                    self.restore(target=self.share)
                self.assertOfAll(code, got.exception)

    def assertOfAll(self, code, exc):
        """Assert that an error says what an errno means."""
        number = getattr(errno, code)
        self.assertIn(os.strerror(number), str(exc))
        self.assertEqual(errnos.is_passing(OSError(number, '')),
                         exc.retryable)

    #: Calls by which a backup reads entries, and the errnos that each gives.
    READING = {
        **dict.fromkeys((
            ('getattr', '/d/file'), ('open', '/d/file'), ('read', '/d/file'),
            ('readlink', '/d/link'), ('opendir', '/d/e'),
            ('readdir', '/d/e')), OF_ALL),
        **dict.fromkeys((
            ('listxattr', '/d/file'), ('getxattr', '/d/file'),
            ('listxattr', '/d')), [code for code in OF_ALL if code not in (
                # These are of one attribute, if one is set.
                'ENOSPC', 'EDQUOT')])}

    def test_what_is_of_all_when_it_is_read(self):
        self.write('a', 'd/file', 'd/e/f', 'z')
        os.setxattr(os.path.join(self.shown, 'd', 'file'), 'user.a', b'1')
        os.symlink('somewhere', os.path.join(self.shown, 'd', 'link'))
        self.mount()
        before = trees.snapshot(self.shown)
        number = 1
        for (call, path), codes in self.READING.items():
            for code in codes:
                number += 1
                with self.subTest(call=call, path=path, code=code):
                    self.odd.set([[call, path, code]])
                    with self.assertRaises(base.DriverError) as got:
                        self.backup(case.place(number), source=self.share,
                                    still=False)
                    self.assertOfAll(code, got.exception)
                    self.assertIn(f'"{path[1:]}"', str(got.exception))
        # Nothing stays of it.
        self.odd.set([])
        self.assertEqual((), self.backup(
            case.place(number), attempt=2, source=self.share).problems)
        self.assertStored(before, case.place(number))
