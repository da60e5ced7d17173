# SPDX-License-Identifier: Apache-2.0
"""A backup driver that has rsync copy, and tar and sha256sum check."""

import os

from manila_backup.drivers import base
from manila_backup.drivers import directory

RSYNC = ('rsync', '-aHAX', '--numeric-ids', '--modify-window=-1', '--delete',
         '--out-format=%l %i%n')
HOLES = 'find', '.', '-type', 'f', '-size', '+64k', '-printf', r'%S %P\0'
DIGEST = 'bash', '-o', 'pipefail', '-c', r'''
{ find data -type s -printf '%p %m %U %G %T@\0' | sort -z
  tar -c --sort=name --numeric-owner --acls --xattrs --xattrs-include='*' \
      --format=posix --pax-option=exthdr.name=x,delete=atime,delete=ctime \
      data; } | sha256sum'''


class RsyncDriver(directory.DirectoryDriver):

    ignore = ()

    @classmethod
    def from_conf(cls, conf):
        made = cls(os.path.join(conf.state_path, 'rsync'))
        made.ignore = conf.backup.ignore_files
        return made

    def store(self, source, folder, options, progress):
        told = [f'"{line.partition(" ")[2]}": could not keep its holes.'
                for line in directory.lines(HOLES, progress, source, b'\0')
                if float(line.partition(' ')[0]) < 1]
        data = os.path.join(folder, 'data')
        os.mkdir(data)
        sizes = [size for size, _ in self._rsync(source, data, progress,
                                                 '--dry-run')]
        stored = self._copy(source, data, len(sizes), sum(sizes), progress)
        with open(os.path.join(folder, 'digest'), 'x') as file:
            file.writelines(directory.lines(DIGEST, progress, folder))
        return base.Result(len(sizes), sum(sizes), stored,
                           tuple(told[:base.MAX_PROBLEMS]), len(told))

    def bring_back(self, folder, target, report, progress):
        return self._copy(os.path.join(folder, 'data'), target, report.files,
                          report.bytes, progress, '--checksum')

    def examine(self, folder, progress):
        for name in 'data', 'digest':
            if not os.path.exists(os.path.join(folder, name)):
                return [f'{name} is missing.']
        with open(os.path.join(folder, 'digest')) as file:
            same = file.read() == ''.join(directory.lines(DIGEST, progress,
                                                          folder))
        return [] if same else ['The digest differs.']

    def _copy(self, source, target, files, size, progress, *options):
        """Returns how many bytes of files were written."""
        progress.expect(files, size)
        stored = 0
        for each, what in self._rsync(source, target, progress, *options):
            progress.advance(1, each)
            files, size = files - 1, size - each
            stored += each if what.startswith('>f') else 0
        progress.advance(files, size)       # what was equal
        return stored

    def _rsync(self, source, target, progress, *options):
        ignore = [f'--exclude=/{name}' for name in self.ignore]
        for line in directory.lines((*RSYNC, *ignore, *options, source + '/',
                                     target), progress):
            size, _, what = line.partition(' ')
            # Neither the root, what was deleted, nor a remark.
            if size.isdigit() and what[0] != '*' and what[11:] != './':
                yield int(size), what
