# SPDX-License-Identifier: Apache-2.0
"""Digests of content that comes in pieces: repository-format.rst, in code."""

import hashlib

_PLAIN = 'sha256:'
_HOLES = 'sha256-holes:'

_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)


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
        whole = len(data) - len(data) % _BLOCK
        for start in range(0, whole, _BLOCK):
            self._block(data[start:start + _BLOCK])
        self._rest = data[whole:]

    def _block(self, block: bytes) -> None:
        # Blocks of zeros may be holes, and may be stored.
        if block != _ZEROS[:len(block)]:
            self._sum.update(self._offset.to_bytes(8, 'big') + block)
        self._offset += len(block)

    def text(self) -> str:
        """The digest, as an index tells it. Nothing can follow after that."""
        if self._kind == _HOLES:
            if self._rest:
                self._block(self._rest)
            self._sum.update(self._offset.to_bytes(8, 'big'))
        return self._kind + self._sum.hexdigest()


def sha256(digest: str | None) -> bytes | None:
    """The SHA-256 of a file's content; None where the digest is none."""
    if digest is None or not digest.startswith(_PLAIN):
        return None
    return bytes.fromhex(digest[len(_PLAIN):])
