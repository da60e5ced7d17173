# SPDX-License-Identifier: Apache-2.0
"""Framing of requests: refuse those that two servers could delimit
differently.

A proxy before this server that believes another header than this one does
would take part of one caller's body for the next caller's request.
"""

from waitress import parser as waitress_parser

#: Headers that may be there once at most.
_ONCE = (b'content-length', b'transfer-encoding', b'host')


class Parser(waitress_parser.HTTPRequestParser):
    """waitress's, less lenient than that is about framing."""

    def parse_header(self, header_plus):
        reason = objection(header_plus)
        if reason:
            raise waitress_parser.ParsingError(reason)
        super().parse_header(header_plus)


def objection(head):
    """Find an ambiguity in the head of a request.

    :param head: bytes, the request line and the headers.
    :returns: str, or None if it is clear where the request ends.
    """
    first, *lines = head.split(b'\r\n')
    seen = {}
    for line in lines:
        if line[:1] in (b' ', b'\t'):
            return 'A header is continued on the next line'
        name, _colon, value = line.partition(b':')
        name = name.lower()
        if name in _ONCE:
            if name in seen:
                return f'{name.decode().title()} occurs twice'
            seen[name] = value.strip(b' \t').lower()
    coding = seen.get(b'transfer-encoding')
    if coding is None:
        return None
    if b'content-length' in seen:
        return 'Content-Length and Transfer-Encoding exclude each other'
    if not first.endswith(b' HTTP/1.1'):
        return 'Transfer-Encoding needs HTTP/1.1'
    if not coding or b',' in coding:
        return 'Transfer-Encoding can only be chunked'
    return None
