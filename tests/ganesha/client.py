# SPDX-License-Identifier: Apache-2.0
"""An NFS client that needs no mount: libnfs, by ctypes."""

import ctypes
import errno
import functools
import os
import uuid


class _Url(ctypes.Structure):
    """``struct nfs_url``."""

    _fields_ = [('server', ctypes.c_char_p), ('path', ctypes.c_char_p),
                ('file', ctypes.c_char_p)]


@functools.cache
def _library():
    found = ctypes.CDLL('libnfs.so.13')
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    number = ctypes.c_uint64
    for name, result, arguments in (
            ('nfs_init_context', pointer, ()),
            ('nfs_destroy_context', None, (pointer,)),
            ('nfs_get_error', text, (pointer,)),
            ('nfs_parse_url_dir', ctypes.POINTER(_Url), (pointer, text)),
            ('nfs_destroy_url', None, (ctypes.POINTER(_Url),)),
            ('nfs_set_uid', None, (pointer, ctypes.c_int)),
            ('nfs_set_gid', None, (pointer, ctypes.c_int)),
            ('nfs4_set_client_name', None, (pointer, text)),
            ('nfs_mount', ctypes.c_int, (pointer, text, text)),
            ('nfs_open2', ctypes.c_int, (
                pointer, text, ctypes.c_int, ctypes.c_int,
                ctypes.POINTER(pointer))),
            ('nfs_close', ctypes.c_int, (pointer, pointer)),
            ('nfs_fsync', ctypes.c_int, (pointer, pointer)),
            ('nfs_pread', ctypes.c_int, (
                pointer, pointer, number, number, pointer)),
            ('nfs_pwrite', ctypes.c_int, (
                pointer, pointer, number, number, pointer)),
            ('nfs_mkdir', ctypes.c_int, (pointer, text)),
            ('nfs_unlink', ctypes.c_int, (pointer, text)),
            ('nfs_rename', ctypes.c_int, (pointer, text, text))):
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


class Client:
    """A client of one export.

    :param url: str, ``nfs://HOST/EXPORT?...`` as libnfs takes it.
    :param user: int, the user and the group that it says it is.
    :raises OSError: by each method; what the server answered, as the number
        that libnfs makes of it.
    """

    #: The most that is read or written by one call: libnfs 4 can't send more
    #: by version 4 of the protocol.
    CHUNK = 1 << 10

    def __init__(self, url, user=0):
        self._nfs = _library()
        self._context = self._nfs.nfs_init_context()
        self._nfs.nfs_set_uid(self._context, user)
        self._nfs.nfs_set_gid(self._context, user)
        # Or the server takes it for the last one of this process, restarted.
        self._nfs.nfs4_set_client_name(self._context,
                                       uuid.uuid4().hex.encode())
        parsed = self._nfs.nfs_parse_url_dir(self._context, url.encode())
        if not parsed:
            raise ValueError(url)
        try:
            self._call('nfs_mount', parsed.contents.server,
                       parsed.contents.path)
        finally:
            self._nfs.nfs_destroy_url(parsed)

    def disconnect(self):
        """Give up the connection."""
        self._nfs.nfs_destroy_context(self._context)

    def _call(self, name, *args):
        result = getattr(self._nfs, name)(self._context, *args)
        if result < 0:
            said = self._nfs.nfs_get_error(self._context) or b''
            raise OSError(-result, said.decode(errors='replace'))
        return result

    def open(self, path, flags=os.O_RDONLY):
        """Open a file; one that is made is for its owner to write.

        :returns: what :meth:`read` and :meth:`close` take.
        """
        handle = ctypes.c_void_p()
        self._call('nfs_open2', path.encode(), flags, 0o644,
                   ctypes.byref(handle))
        return handle

    def close(self, handle):
        """Close a file."""
        self._call('nfs_close', handle)

    def read(self, handle):
        """Return all of an open file, as bytes."""
        found = b''
        buffer = ctypes.create_string_buffer(self.CHUNK)
        while True:
            count = self._call('nfs_pread', handle, len(found), self.CHUNK,
                               buffer)
            if not count:
                return found
            found += buffer.raw[:count]

    def content(self, path):
        """Return the content of a file; None if there is none."""
        try:
            handle = self.open(path)
        except FileNotFoundError:
            return None
        try:
            return self.read(handle)
        finally:
            self.close(handle)

    def write(self, path, data):
        """Make a file, or give one that is there other content, and have the
        server put it on stable storage."""
        try:
            handle = self.open(path, os.O_WRONLY | os.O_TRUNC)
        except FileNotFoundError:
            handle = self.open(path, os.O_WRONLY | os.O_CREAT)
        try:
            for begin in range(0, len(data), self.CHUNK):
                part = data[begin:begin + self.CHUNK]
                if self._call('nfs_pwrite', handle, begin, len(part),
                              part) != len(part):
                    raise OSError(errno.EIO, 'a short write')
            self._call('nfs_fsync', handle)
        finally:
            self.close(handle)

    def mkdir(self, path):
        """Make a directory."""
        self._call('nfs_mkdir', path.encode())

    def unlink(self, path):
        """Remove a file."""
        self._call('nfs_unlink', path.encode())

    def rename(self, old, new):
        """Rename a file."""
        self._call('nfs_rename', old.encode(), new.encode())
