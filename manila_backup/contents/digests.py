# SPDX-License-Identifier: Apache-2.0
"""Digests of content that comes in pieces: repository-format.rst, in code."""

import hashlib

from manila_backup.fs import content

_PLAIN = 'sha256:'
_HOLES = 'sha256-holes:'


class Running:
    """The digest of a file's content so far.

    :param like: str, one as an index tells it: the same kind is made.
    :raises ValueError: there is no such kind.
    """

    def __init__(self, like: str = _PLAIN) -> None:
        self._kind = next(
            (kind for kind in (_PLAIN, _HOLES) if like.startswith(kind)), '')
        if not self._kind:
            raise ValueError(f'{like[:32]!r} is no digest that is known')
        self._sum = hashlib.sha256()
        self._rest = b''
        self._offset = 0

    def update(self, data: bytes) -> None:
        """Go on with the next piece, of any size."""
        if self._kind == _PLAIN:
            self._sum.update(data)
            return
        data = self._rest + data
        whole = len(data) - len(data) % content.BLOCK
        for start in range(0, whole, content.BLOCK):
            self._block(data[start:start + content.BLOCK])
        self._rest = data[whole:]

    def _block(self, block: bytes) -> None:
        content.add_block(self._sum, self._offset, block)
        self._offset += len(block)

    def text(self) -> str:
        """The digest, as an index tells it. Nothing can follow after that."""
        if self._kind == _HOLES:
            if self._rest:
                self._block(self._rest)
            content.add_size(self._sum, self._offset)
        return self._kind + self._sum.hexdigest()


def sha256(digest: str | None) -> bytes | None:
    """The SHA-256 of a file's content; None where the digest is none."""
    if digest is None or not digest.startswith(_PLAIN):
        return None
    return bytes.fromhex(digest[len(_PLAIN):])
