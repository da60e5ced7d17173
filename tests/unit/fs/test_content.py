# SPDX-License-Identifier: Apache-2.0
"""Digests as repository-format.rst has them, and copies with holes."""

import hashlib
import os
import tempfile

import testtools

from manila_backup.fs import content


def expected(data):
    """The digest of a file with holes, written down anew."""
    digest = hashlib.sha256()
    for at in range(0, len(data), 65536):
        block = data[at:at + 65536]
        if any(block):
            digest.update(at.to_bytes(8, 'big') + block)
    digest.update(len(data).to_bytes(8, 'big'))
    return b'holes:' + digest.hexdigest().encode()


class ContentTest(testtools.TestCase):
    def file(self, *pieces, size=0):
        """A file with data at some offsets and holes between them."""
        source = tempfile.TemporaryFile()
        self.addCleanup(source.close)
        for at, data in pieces:
            os.pwrite(source.fileno(), data, at)
        if size:
            os.ftruncate(source.fileno(), size)
        return source.fileno()

    def read(self, fd):
        return os.pread(fd, os.fstat(fd).st_size, 0)

    def copy(self, source):
        target = self.file()
        counted = []
        said, written = content.copy(source, target, os.fstat(source),
                                     counted.append)
        self.assertEqual(self.read(source), self.read(target))
        self.assertEqual(os.fstat(source).st_size, sum(counted))
        return said, written, target

    def test_a_dense_file_has_the_digest_that_everyone_knows(self):
        data = os.urandom(2_500_001)
        said, written, _ = self.copy(self.file((0, data)))
        self.assertEqual(hashlib.sha256(data).hexdigest().encode(), said)
        self.assertEqual(len(data), written)

    def test_holes(self):
        for pieces, size in (
                ([(0, b'a'), (3_000_000, b'b' * 70_000)], 5_000_001),
                ([(4096, b'x' * 4096)], 3_000_000),
                ([(65_530, b'y' * 10), (131_072, b'\0' * 70_000)], 2_000_000),
                ([], 1 << 21)):
            source = self.file(*pieces, size=size)
            said, written, target = self.copy(source)
            self.assertEqual(expected(self.read(source)), said)
            self.assertLess(written, 300_000)
            self.assertLess(os.fstat(target).st_blocks * 512, 400_000)

    def test_the_digest_does_not_depend_on_what_is_a_hole(self):
        source = self.file((2_000_000, b'data'), size=4_000_000)
        said = self.copy(source)[0]
        dense = self.file((0, self.read(source)))
        self.assertEqual(said, content.digest(dense, 4_000_000, said,
                                              lambda count: None))

    def test_a_file_of_another_size(self):
        for size in (10, 100_000, 3_000_000):
            source = self.file((0, b'x' * size))
            for other in (size - 1, size + 1):
                os.lseek(source, 0, os.SEEK_SET)
                self.assertRaises(content.Changed, content.digest, source,
                                  other, b'', lambda count: None)

    def test_a_clone_keeps_holes(self):
        source = self.file((1_000_000, b'z' * 10_000), size=20_000_000)
        target = self.file()
        counted = []
        written = content.clone(source, target, 20_000_000, counted.append)
        self.assertEqual(self.read(source), self.read(target))
        self.assertEqual(20_000_000, sum(counted))
        self.assertLess(written, 30_000)
