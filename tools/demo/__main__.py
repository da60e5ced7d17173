# SPDX-License-Identifier: Apache-2.0
"""``make demo``: back up real files, ruin them, restore them, compare.

Everything happens in a scratch directory, which is removed at the end; the
directory that is given as DATA is only read. The exit code is 0 only if
every file came back as it was.
"""

import argparse
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time

import damage
import report
import service
import tree

Failed = service.Failed


class Demo:

    def __init__(self, data, scratch, leave_out=()):
        self.data = data
        self.leave_out = leave_out
        self.scratch = scratch
        self.share = scratch / 'share'
        self.copied = scratch / 'measure'
        self.outside = scratch / 'outside'
        self.service = service.Service(scratch)
        self.rows = []
        self.problems = []
        self.copy_time = None

    def step(self, text):
        print(f'\n{text}', flush=True)

    def row(self, what, size, seconds, note=''):
        self.rows.append((what, size, seconds, note))

    # Preparations

    def survey(self):
        self.step(f'Looking at {self.data}'
                  + (', without installed packages' if self.leave_out
                     else ''))
        self.found = tree.Survey(self.data, self.leave_out)
        print(f'  {self.kinds()}, {report.human(self.found.size)}')
        if self.found.unreadable:
            print(f'  {len(self.found.unreadable)} of them this user may '
                  'not read; they are left out:')
            for path in self.found.unreadable[:10]:
                print(f'    {tree.readable(path)}')
            if len(self.found.unreadable) > 10:
                print(f'    ... and {len(self.found.unreadable) - 10} more')
        self.check_space()

    def check_space(self):
        """The share, the backup and the copy that is the measure; a few per
        cent for what the service keeps."""
        needed = int(3.1 * max(self.found.allocated, self.found.size)) \
            + (64 << 20)
        disk = os.statvfs(self.scratch)
        available = disk.f_bavail * disk.f_frsize
        if available < needed:
            raise Failed(
                f'{self.scratch.parent} has {report.human(available)} free; '
                f'this needs {report.human(needed)}. Set TMPDIR to a '
                'directory with more room, or choose a smaller DATA.')
        inodes = int(3.2 * self.found.entries) + 1000
        if disk.f_files and disk.f_favail < inodes:
            raise Failed(
                f'{self.scratch.parent} has {disk.f_favail} inodes free; '
                f'this needs {inodes}.')

    def copy(self, target):
        started = time.monotonic()
        if self.leave_out:
            target.mkdir()
            sources = [entry.path for entry in os.scandir(self.data)
                       if os.fsencode(entry.name) not in self.leave_out]
        else:
            sources = [self.data]
        done = subprocess.run(
            ['cp', '-a', '--', *map(str, sources), str(target)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        if self.leave_out:
            info = os.stat(self.data)
            if os.geteuid() == 0:
                os.chown(target, info.st_uid, info.st_gid)
            shutil.copystat(self.data, target)
        seconds = time.monotonic() - started
        if done.returncode and not self.found.unreadable:
            raise Failed('cp -a failed: '
                         + done.stderr.decode(errors='replace')[-2000:])
        return seconds

    def prepare(self):
        self.step('Copying it with cp -a, to be the share')
        self.row('cp -a, to make the share', self.found.size,
                 self.copy(self.share))
        self.sync()
        self.before = tree.manifest(self.share)
        self.check_copy()
        self.outside.mkdir()
        (self.outside / 'precious.txt').write_text(
            'Nobody who follows a link out of the share may change this.\n')
        self.outside_before = tree.manifest(self.outside)

    def measure(self, what):
        """Time another cp -a just before something is held against it, and
        keep the copy until that is over: so both write to memory and disk
        that are equally fresh, on a machine that is equally busy."""
        tree.remove(self.copied)
        self.sync()
        self.step(f'Copying it once more with cp -a, to compare {what} with')
        self.copy_time = self.copy(self.copied)
        started = time.monotonic()
        self.sync()
        synced = self.copy_time + time.monotonic() - started
        self.row('cp -a', self.found.size, self.copy_time, 'the measure')
        self.row('cp -a and sync', self.found.size, synced)

    def check_copy(self):
        """Compare the share with DATA, before anything is done to it."""
        left_out = tuple(self.found.unreadable)
        original = tree.manifest(self.data, self.leave_out)
        if left_out:
            original = {
                path: entry for path, entry in original.items()
                if not any(path == out or path.startswith(out + b'/')
                           for out in left_out)}
        ignore = ['link'] if left_out else []
        if os.geteuid() != 0:
            # An ordinary user can give nothing away.
            ignore += ['owner', 'group', 'attributes', 'mode']
        changed = [
            (path, what) for path, what
            in tree.compare(original, self.before, ignore)
            if not (left_out and (path in left_out
                                  or what == 'should not be there'))]
        if changed:
            print(f'  Note: {entries(changed)} changed in {self.data} '
                  'while they were copied, or cp -a did not copy all of '
                  'them; the copy is what counts from here on:')
            for path, what in changed[:5]:
                print(f'    {tree.readable(path)}: {what}')
        self.original = original
        self.ignore_original = ignore
        self.known = {path for path, _what in changed}
        if left_out:
            self.known |= self.before.keys() - original.keys()

    def sync(self):
        """Wait until the disk has everything, so that no step pays for what
        another one wrote."""
        try:
            subprocess.run(['sync', '-f', str(self.scratch)], check=True,
                           stderr=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            os.sync()

    # What it is about

    def adopt(self):
        self.step('Starting manila-backup-all and adopting the copy as a '
                  'share')
        self.service.start()
        print(f'  {self.service.url}, SQLite, in-memory bus, no auth')
        self.share_id = self.service.adopt(self.share, 'demo share')['id']
        print(f'  share  {self.share_id}')

    def backup(self):
        self.step('Backing it up')
        bar = report.Bar('backup')
        backup = self.service.call('POST', '/v2/share-backups', {
            'share_backup': {'share_id': self.share_id,
                             'name': 'before the accident'}})['share_backup']
        self.backup_id = backup['id']
        self.path = f'/v2/share-backups/{self.backup_id}'
        self.service.wait(
            'share-backups', 'share_backup', self.backup_id,
            report=lambda b: bar.show(int(b.get('progress') or 0)))
        seconds = bar.finish()
        self.row('backup', self.found.size, seconds,
                 self.times(seconds))
        print(f'  backup {self.backup_id}')
        self.wait_share()

    def wait_share(self):
        try:
            self.service.wait('shares', 'share', self.share_id)
        except Failed as exc:
            backup = self.service.call('GET', self.path)['share_backup']
            raise Failed(f'{exc} (the backup says: '
                         f'{backup.get("fail_reason")})') from exc

    def back_up_again(self):
        """A second backup, of which only what has changed takes room."""
        self.step('Appending a line to one file, and backing it up again')
        path = next((path for path, entry in sorted(self.before.items())
                     if stat.S_ISREG(os.lstat(self._at(path)).st_mode)), None)
        if path is None:
            print('  There is no file.')
            return
        # The first backup is what is restored.
        mode = os.lstat(self._at(path)).st_mode
        os.chmod(self._at(path), mode | stat.S_IWUSR)
        with open(self._at(path), 'ab') as file:
            file.write(b'A line more.\n')
        os.chmod(self._at(path), stat.S_IMODE(mode))
        before = tree.allocated(self.service.repository)
        started = time.monotonic()
        backup = self.service.call('POST', '/v2/share-backups', {
            'share_backup': {'share_id': self.share_id,
                             'name': 'one line later'}})['share_backup']
        self.service.wait('share-backups', 'share_backup', backup['id'])
        self.wait_share()
        seconds = time.monotonic() - started
        grown = tree.allocated(self.service.repository) - before
        self.row('second backup', self.found.size, seconds,
                 f'stored {report.human(grown)}')
        print(f'  {seconds:.1f} s; the repository grew by '
              f'{report.human(grown)}: by that file, the directories, and '
              'the list of all entries')

    def _at(self, path):
        return os.path.join(os.fsencode(self.share), path)

    def browse(self):
        self.step('Looking into the repository, as anybody may with ls '
                  'and cp')
        place = (self.service.repository / service.PROJECT / self.share_id
                 / self.backup_id / 'data')
        print(f'  {place}')
        if not place.is_dir():
            raise Failed('There is no such directory.')
        names = sorted(os.listdir(place))
        print('  ' + '  '.join(tree.readable(os.fsencode(name))
                               for name in names[:6])
              + (f'  ... ({len(names)} in all)' if len(names) > 6 else ''))
        # How the repository keeps the metadata is the driver's business.
        self.report('the tree in the repository', tree.compare(
            self.before, tree.manifest(place),
            ('owner', 'group', 'mode', 'mtime', 'attributes', 'link')))

    def ruin(self):
        self.step('Ruining the share')
        done = damage.Damage(self.share, self.outside).run(self.before)
        for what, count in done.items():
            print(f'  {count:6d} {what}')
        wrong = tree.compare(self.before, tree.manifest(self.share))
        if not wrong and self.found.files:
            raise Failed('The damage did not damage anything.')
        print('  Entries that differ from the backup now: '
              f'{len(wrong)}')
        self.sync()

    def restore(self, title):
        bar = report.Bar('restore')
        self.service.call('POST', f'{self.path}/action', {'restore': None})
        # What it says before the worker has begun may be of the last one.
        self.service.wait(
            'share-backups', 'share_backup', self.backup_id,
            report=lambda b: bar.show(
                int(b.get('restore_progress') or 0)
                if b['status'] == 'restoring' else bar.last))
        self.wait_share()
        seconds = bar.finish()
        self.row(title, self.found.size, seconds, self.times(seconds))

    def restore_killed(self):
        """A restore whose worker is killed in the middle."""
        bar = report.Bar('restore')
        self.service.call('POST', f'{self.path}/action', {'restore': None})
        percent, status = 0, 'restoring'
        while status == 'restoring' and percent < 5:
            backup = self.service.call('GET', self.path)['share_backup']
            status = backup['status']
            percent = int(backup['restore_progress'] or 0)
            time.sleep(0.02)
        bar.show(percent)
        self.service.kill()
        if status == 'restoring':
            print(f'\n  Killed with SIGKILL at {percent} %; starting another '
                  'one, which carries on once the lease has run out')
        else:
            print('\n  It had ended before it could be killed')
        self.service.start()
        self.service.wait(
            'share-backups', 'share_backup', self.backup_id,
            report=lambda b: bar.show(
                int(b.get('restore_progress') or 0)
                if b['status'] == 'restoring' else bar.last))
        self.wait_share()
        self.row('restore, killed half-way', self.found.size, bar.finish(),
                 'with the wait for the lease')

    def times(self, seconds):
        """So many times as long as the measure took, in words."""
        return (f'{seconds / self.copy_time:8.1f} x cp -a'
                if self.copy_time else '')

    def report(self, what, differences):
        if not differences:
            print(f'  {what}: {entries(self.before)} compared, '
                  'no difference')
            return
        self.problems.append(
            f'{what}: {report.counted(len(differences), "difference")}')
        print(f'  {what}: {len(differences)} DIFFERENCES')
        for path, difference in differences[:20]:
            print(f'    {tree.readable(path)}: {difference}')
        if len(differences) > 20:
            print(f'    ... and {len(differences) - 20} more')

    def verify(self):
        after = tree.manifest(self.share)
        self.report('the share', tree.compare(self.before, after))
        self.report(f'the share and {self.data}', [
            (path, what) for path, what in tree.compare(
                self.original, after, self.ignore_original)
            if path not in self.known])
        if tree.compare(self.outside_before, tree.manifest(self.outside),
                        ('link',)):
            self.problems.append('a restore changed what is outside of the '
                                 'share')

    def delete(self):
        self.step('Deleting the backup')
        started = time.monotonic()
        self.service.call('DELETE', self.path)
        self.service.wait_gone(self.path)
        self.row('delete', self.found.size, time.monotonic() - started)
        place = (self.service.repository / service.PROJECT / self.share_id
                 / self.backup_id)
        if place.exists():
            self.problems.append(f'{place} is still there')

    def run(self):
        self.survey()
        self.prepare()
        self.adopt()
        self.measure('the backup')
        self.backup()
        self.browse()
        self.back_up_again()
        self.ruin()
        self.step('Restoring it')
        self.restore('restore, after the damage')
        self.verify()
        self.measure('a full restore')
        self.step('Emptying the share altogether, and restoring it again')
        damage.empty(self.share)
        self.sync()
        self.restore('restore, into an empty share')
        self.verify()
        self.step('Emptying it once more, and killing the service while it '
                  'restores it')
        damage.empty(self.share)
        self.restore_killed()
        self.verify()
        self.delete()
        self.table()

    def table(self):
        print(f'\n{"":<28} {"size":>10} {"time":>9} {"":>11}')
        for what, size, seconds, note in self.rows:
            print(f'{what:<28} {report.human(size):>10} {seconds:7.2f} s  '
                  f'{note}')
        print(f'\n{self.kinds()}')

    def kinds(self):
        """Numbers of files, directories and others, in words."""
        return ', '.join((
            report.counted(self.found.files, 'file'),
            report.counted(self.found.directories, 'directory',
                           'directories'),
            report.counted(self.found.others, 'other')))


def entries(found):
    """The number of entries that a list or dict has, in words."""
    return report.counted(len(found), 'entry', 'entries')


def interrupted(_number, _frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(prog='make demo', description=__doc__)
    parser.add_argument(
        '--data', metavar='DIRECTORY',
        help='what to back up; only read. Default: the standard library of '
             'this Python')
    parser.add_argument(
        '--keep', action='store_true',
        help='leave the scratch directory behind')
    args = parser.parse_args()
    data = pathlib.Path(args.data or sysconfig.get_path('stdlib')).resolve()
    # The library's own files are some thousands; what was installed beside
    # them may be anything.
    leave_out = () if args.data else (b'site-packages', b'dist-packages')
    if not data.is_dir():
        sys.exit(f'demo: {data} is not a directory.')
    # Not /tmp, which on many machines is memory.
    parent = pathlib.Path(os.environ.get('TMPDIR') or '/var/tmp').resolve()
    if parent == data or data in parent.parents:
        sys.exit(f'demo: the scratch directory in {parent} would be inside '
                 f'of {data}; set TMPDIR to a place outside of it.')

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    scratch = pathlib.Path(tempfile.mkdtemp(
        prefix='manila-backup-demo-', dir=parent))
    demo = Demo(data, scratch, leave_out)
    code = 1
    try:
        demo.run()
        code = 1 if demo.problems else 0
    except Failed as exc:
        demo.problems.append(str(exc))
    except KeyboardInterrupt:
        demo.problems.append('interrupted')
        code = 130
    finally:
        # From here on an impatient second interrupt must not leave anything
        # behind.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        demo.service.stop()
        if demo.problems and code != 130:
            tail = demo.service.tail()
            if tail:
                print(f'\nThe end of the service\'s log:\n{tail}')
        if args.keep:
            print(f'\nKept: {scratch}')
        else:
            tree.remove(scratch)
    if demo.problems:
        print()
        for problem in demo.problems:
            print(f'FAILED: {problem}')
    else:
        print('Every file, directory and link came back as it was.')
        print(report.NEXT, end='')
    return code


if __name__ == '__main__':
    sys.exit(main())
