# SPDX-License-Identifier: Apache-2.0
"""Releases before this one, out of git, to run them beside this one."""

import json
import os
import re
import shutil
import subprocess
import sys

import fixtures

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

#: A file that names the oldest commit that this release takes over from.
OLDEST = os.path.join(HERE, 'oldest-release')


class NotFound(Exception):
    """There is no previous release to be had."""


def git(*args):
    """Run git, and return its output as bytes.

    :raises NotFound: it fails.
    """
    try:
        return subprocess.run(['git', '-C', TOP, *args], check=True,
                              capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as exc:
        said = getattr(exc, 'stderr', b'') or str(exc).encode()
        raise NotFound(
            f'The code of the previous release can\'t be had from git, which '
            f'these tests need; with a shallow clone, "git fetch '
            f'--unshallow --tags" gets it. git {" ".join(args)}: '
            f'{said.decode(errors="replace").strip()}') from exc


def oldest():
    """The oldest commit that this release takes over from."""
    with open(OLDEST) as file:
        return file.read().strip()


def latest():
    """The commit of the previous release: the newest tag of a release that
    comes before HEAD; :func:`oldest` where none is tagged.

    :raises NotFound: see :func:`git`.
    """
    tags = git('tag', '--merged', 'HEAD', '--no-contains', 'HEAD',
               '--sort=-creatordate').decode().split()
    releases = [tag for tag in tags if re.match(r'v?\d', tag)]
    return releases[0] if releases else oldest()


class Release(fixtures.Fixture):
    """The code of a commit in a directory, to be run with the libraries that
    this release is tested with.

    :ivar commit: str.
    :ivar path: str, the directory.
    :ivar surroundings: dict, what of a process makes it run this code.
    """

    def __init__(self, commit):
        super().__init__()
        self.commit = commit

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).path
        archive = os.path.join(self.path, 'archive.tar')
        git('archive', '--output', archive, '--prefix', 'manila_backup/',
            f'{self.commit}:manila_backup')
        shutil.unpack_archive(archive, self.path)
        # The directory goes before what is installed for testing.
        self.surroundings = {
            'cwd': self.path, 'env': dict(os.environ, PYTHONPATH=self.path)}
        said = self.says('import manila_backup', 'manila_backup.__file__')
        if not said.startswith(self.path):
            raise NotFound(f'Not the code of {self.commit} is run, but '
                           f'{said}')

    def says(self, statement, expression):
        """Evaluate an expression in its code; returns anything that JSON can
        hold.

        :param statement: str, what to do before, such as an import.
        """
        return json.loads(subprocess.run(
            [sys.executable, '-c', f'import json; {statement}; '
             f'print(json.dumps({expression}))'],
            stdout=subprocess.PIPE, check=True, **self.surroundings).stdout)

    @staticmethod
    def argv(command):
        """Return the command line of a command of this release, as a list."""
        module = command.removeprefix('manila-backup-')
        return [sys.executable, '-c',
                f'import sys; sys.argv[0] = {command!r}; '
                f'from manila_backup.cmd import {module}; {module}.main()']
