# SPDX-License-Identifier: Apache-2.0
"""Build what a release consists of, into a directory that is made anew.

usage: dist.py DIRECTORY EXTRA,...

Builds the source distributions and wheels of the service, of its client, of
its dashboard and of its resources for Heat, of the last commit, twice, and
fails unless both times give the same bytes. Beside them go ``wheels/``, with
which the first two are installed where there is no package index, with the
named extras and the client's commands; the exact versions of these,
``constraints.txt``; what they are and are made of, as CycloneDX
(``sbom.cdx.json``); and ``SHA256SUMS``.

All times in archives are that of the commit, or SOURCE_DATE_EPOCH.
"""

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import sbom

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(*args, **more):
    """Run a command; its output, as a str.

    :raises subprocess.CalledProcessError: it failed; it has said why.
    """
    return subprocess.run(args, check=True, text=True,
                          stdout=subprocess.PIPE, **more).stdout.strip()


def repack(path, epoch):
    """Write a .tar.gz again with nothing in it that another build would have
    otherwise: order, owners, times.

    :param epoch: int, seconds: the time of everything in it.
    """
    packed = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(
            fileobj=packed, mode='w', format=tarfile.GNU_FORMAT) as new:
        for each in sorted(old.getmembers(), key=lambda each: each.name):
            each.mtime, each.uid, each.gid = epoch, 0, 0
            each.uname = each.gname = ''
            each.mode = 0o755 if each.isdir() or each.mode & 0o100 else 0o644
            each.pax_headers = {}
            new.addfile(each, old.extractfile(each) if each.isfile() else None)
    with open(path, 'wb') as file, gzip.GzipFile(
            filename='', mode='wb', fileobj=file, mtime=epoch) as compressed:
        compressed.write(packed.getvalue())


def build(folder, commit, epoch):
    """Build the distributions of the service, the client, the dashboard and
    the resources for Heat.

    :param folder: str, directory to put them in.
    :param commit: str, what they are of.
    :param epoch: int, seconds: the time of everything in them.
    """
    environ = {**os.environ, 'SOURCE_DATE_EPOCH': str(epoch),
               'PYTHONHASHSEED': '0', 'TZ': 'UTC'}
    with tempfile.TemporaryDirectory() as scratch:
        source = os.path.join(scratch, 'source')
        run('git', '-c', 'advice.detachedHead=false', 'clone', '-q', ROOT,
            source)
        # Whatever has been committed meanwhile.
        run('git', '-C', source, 'reset', '-q', '--hard', commit)
        # Modes of files are what the umask makes of them.
        run('chmod', '-R', 'u=rwX,go=rX', source)
        for project in (source, os.path.join(source, 'clients'),
                        os.path.join(source, 'dashboard'),
                        os.path.join(source, 'heat')):
            made = os.path.join(scratch, 'made')
            _uv_build('--sdist', project, made, environ)
            sdist, = (os.path.join(made, name) for name in os.listdir(made)
                      if name.endswith('.tar.gz'))
            repack(sdist, epoch)
            _uv_build('--wheel', sdist, made, environ)
            for name in os.listdir(made):
                if name.endswith(('.tar.gz', '.whl')):
                    shutil.move(os.path.join(made, name), folder)
            shutil.rmtree(made)


def _uv_build(kind, source, folder, environ):
    run(os.path.join(ROOT, 'tools', 'uv'), 'build', '-q', kind,
        '--build-constraint', os.path.join(ROOT, 'constraints.txt'),
        '--python', sys.executable, '--out-dir', folder, source, env=environ)


def compare(one, other):
    """List the names of what differs between two directories of files."""
    def read(folder, name):
        try:
            with open(os.path.join(folder, name), 'rb') as file:
                return file.read()
        except FileNotFoundError:
            return None

    return [name for name in sorted({*os.listdir(one), *os.listdir(other)})
            if read(one, name) != read(other, name)]


def wheels(folder, extras):
    """Gather the wheels of all dependencies in ``folder/wheels``, and write
    their versions to ``folder/constraints.txt``.

    :param extras: str, those of the service, separated by commas.
    """
    there = os.path.join(folder, 'wheels')
    # These are for a Horizon and a Heat that are there already.
    own = [os.path.join(folder, name) for name in sorted(os.listdir(folder))
           if name.endswith('.whl')
           and not name.startswith(('manila_backup_dashboard-',
                                    'manila_backup_heat-'))]
    service = next(each for each in own
                   if os.path.basename(each).startswith('manila_backup-'))
    own[own.index(service)] = f'{service}[{extras}]'
    run(sys.executable, '-m', 'pip', 'wheel', '-q', '-c',
        os.path.join(ROOT, 'constraints.txt'), '-w', there, *own)
    for name in os.listdir(folder):
        if os.path.exists(os.path.join(there, name)):
            os.unlink(os.path.join(there, name))
    with open(os.path.join(folder, 'constraints.txt'), 'w') as file:
        for name in sorted(os.listdir(there)):
            project, version = name.split('-')[:2]
            file.write(f'{project.replace("_", "-").lower()}=={version}\n')


def main(folder, extras):
    """Build everything.

    :returns: int, the exit code.
    """
    commit = run('git', '-C', ROOT, 'rev-parse', 'HEAD')
    epoch = int(os.environ.get('SOURCE_DATE_EPOCH') or run(
        'git', '-C', ROOT, 'log', '-1', '--format=%ct', commit))
    if run('git', '-C', ROOT, 'status', '--porcelain'):
        print('dist: what is not committed is not in it', file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with tempfile.TemporaryDirectory() as again:
        build(folder, commit, epoch)
        build(again, commit, epoch)
        different = compare(folder, again)
    if different:
        print(f'dist: not the same when built again: '
              f'{", ".join(different)}', file=sys.stderr)
        return 1
    wheels(folder, extras)
    sbom.write(folder, epoch)
    names = sorted(os.path.relpath(os.path.join(path, name), folder)
                   for path, _, files in os.walk(folder) for name in files)
    with open(os.path.join(folder, 'SHA256SUMS'), 'w') as file:
        file.writelines(f'{sbom.digest(os.path.join(folder, name))}  {name}\n'
                        for name in names)
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
