# SPDX-License-Identifier: Apache-2.0
"""The tools that build a release."""

import fnmatch
import gzip
import io
import json
import os
import re
import subprocess
import tarfile
import zipfile

import fixtures
import testtools

from tests.unit import test_tools

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class ExtrasTestCase(testtools.TestCase):

    def test_what_debian_packages_have_is_gathered(self):
        with open(os.path.join(TOP, 'debian', 'rules')) as file:
            needed = re.search('(?m)^EXTRAS = (.*)$', file.read())[1]
        shown = subprocess.run(
            ['make', '-C', TOP, '-n', 'dist'], check=True, text=True,
            stdout=subprocess.PIPE,
            # Nothing of a make that runs the tests.
            env={name: value for name, value in os.environ.items()
                 if name not in ('MAKEFLAGS', 'MFLAGS', 'EXTRAS')}).stdout
        self.assertIn(f'tools/dist.py dist {needed}\n', shown)


class SourceTestCase(testtools.TestCase):

    def test_nothing_looks_as_if_it_were_generated(self):
        """A template with a line that is longer is an error to lintian."""
        with open(os.path.join(TOP, 'debian', 'source',
                               'lintian-overrides')) as file:
            known = re.findall(r'source-is-missing \[(.*)\]', file.read())
        self.assertEqual([], [
            name for name in self._templates()
            if not any(fnmatch.fnmatch(name, each) for each in known)
            and self._longest(name) > 512])

    def _longest(self, name):
        with open(os.path.join(TOP, name)) as file:
            return max(map(len, file), default=0)

    def _templates(self):
        listed = subprocess.run(['git', '-C', TOP, 'ls-files', '*.html'],
                                check=True, text=True,
                                stdout=subprocess.PIPE).stdout.split()
        self.assertIn('dashboard/manila_backup_dashboard/templates/'
                      'share_backups/files.html', listed)
        return listed


class RepackTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tool = test_tools.load('dist')
        self.folder = self.useFixture(fixtures.TempDir()).path

    def _pack(self, name, names, **more):
        path = os.path.join(self.folder, name)
        with tarfile.open(path, 'w:gz') as packed:
            for each in names:
                info = tarfile.TarInfo(each)
                info.size = 4
                for attribute, value in more.items():
                    setattr(info, attribute, value)
                packed.addfile(info, io.BytesIO(b'text'))
        self.tool.repack(path, 1234)
        with open(path, 'rb') as file:
            return file.read()

    def test_same_whoever_packed_it(self):
        one = self._pack('one.tar.gz', ['a/b', 'a/c'], mtime=77.5, uid=1000,
                         uname='me', mode=0o664)
        other = self._pack('other.tar.gz', ['a/c', 'a/b'], mtime=99,
                           mode=0o600)
        self.assertEqual(one, other)
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(one))) as packed:
            self.assertEqual(['a/b', 'a/c'], packed.getnames())
            self.assertEqual({(1234, 0, 0o644)}, {
                (each.mtime, each.uid, each.mode)
                for each in packed.getmembers()})
            self.assertEqual(b'text', packed.extractfile('a/b').read())

    def test_programs_stay_programs(self):
        packed = self._pack('one.tar.gz', ['run'], mode=0o700)
        with tarfile.open(fileobj=io.BytesIO(packed)) as found:
            self.assertEqual(0o755, found.getmember('run').mode)

    def test_compare(self):
        for folder, text in (('one', 'x'), ('other', 'y')):
            os.mkdir(os.path.join(self.folder, folder))
            for name in ('same', 'different', f'only-in-{folder}'):
                with open(os.path.join(self.folder, folder, name),
                          'w') as file:
                    file.write('z' if name == 'same' else text)
        self.assertEqual(
            ['different', 'only-in-one', 'only-in-other'],
            self.tool.compare(os.path.join(self.folder, 'one'),
                              os.path.join(self.folder, 'other')))


class BillTestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.tool = test_tools.load('sbom')
        self.folder = self.useFixture(fixtures.TempDir()).path
        self._wheel('manila_backup', 'Name: manila-backup\nVersion: 1.0\n'
                    'License-Expression: Apache-2.0\n'
                    'Requires-Dist: Some.Thing>=2; extra == "x"\n'
                    'Requires-Dist: absent\n')
        self._wheel('some_thing', 'Name: some_thing\nVersion: 2.1\n'
                    'Summary: A thing\n'
                    'Classifier: License :: OSI Approved :: MIT License\n')

    def _wheel(self, name, metadata):
        with zipfile.ZipFile(os.path.join(
                self.folder, f'{name}-1-py3-none-any.whl'), 'w') as wheel:
            wheel.writestr(f'{name}-1.dist-info/METADATA',
                           f'Metadata-Version: 2.4\n{metadata}\n')

    def test_what_there_is(self):
        self.tool.write(self.folder, 0)
        with open(os.path.join(self.folder, self.tool.NAME)) as file:
            bill = json.load(file)
        self.assertEqual('pkg:pypi/manila-backup@1.0',
                         bill['metadata']['component']['purl'])
        self.assertEqual('1970-01-01T00:00:00+00:00',
                         bill['metadata']['timestamp'])
        self.assertEqual([{'expression': 'Apache-2.0'}],
                         bill['metadata']['component']['licenses'])
        part, = bill['components']
        path = os.path.join(self.folder, 'some_thing-1-py3-none-any.whl')
        self.assertEqual({
            'type': 'library', 'name': 'some-thing', 'version': '2.1',
            'bom-ref': 'pkg:pypi/some-thing@2.1',
            'purl': 'pkg:pypi/some-thing@2.1', 'description': 'A thing',
            'licenses': [{'license': {'name': 'MIT License'}}],
            'hashes': [{'alg': 'SHA-256',
                        'content': self.tool.digest(path)}]}, part)
        self.assertEqual([
            {'ref': 'pkg:pypi/manila-backup@1.0',
             'dependsOn': ['pkg:pypi/some-thing@2.1']},
            {'ref': 'pkg:pypi/some-thing@2.1', 'dependsOn': []}],
            bill['dependencies'])

    def test_same_wheels_same_bill(self):
        self.assertEqual(self.tool.make(self.folder, 5),
                         self.tool.make(self.folder, 5))
