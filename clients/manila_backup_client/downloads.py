# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup file download``: one file out of a share backup."""

import hashlib
import os
import time
import urllib.parse

from keystoneauth1 import exceptions as auth_exceptions
from manilaclient import exceptions
from osc_lib.command import command
from osc_lib import exceptions as osc_exceptions
from osc_lib import utils
import requests

from manila_backup_client import api
from manila_backup_client import columns
from manila_backup_client import files

_READ = 1 << 20

# Digests that can be compared, as they begin.
_PLAIN, _HOLES = 'sha256:', 'sha256-holes:'

_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)

# How often something that does not get on is tried again.
_TRIES = 5

# What a connection that breaks is told by.
_BROKEN = (requests.RequestException, auth_exceptions.ConnectFailure, OSError)


class Incomplete(Exception):
    """The connection broke."""


class DownloadFile(command.Command):
    """Download a file out of a share backup

    What has arrived when the connection breaks stays in FILE.….part, and the
    next run goes on from there. The file is only there once it was found to
    be what was stored.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('backup', metavar='<backup>',
                            help='Name or ID of the share backup')
        parser.add_argument('path', metavar='<path>', help=files.PATH_HELP)
        parser.add_argument('--file', metavar='<file>',
                            help='Where to write it; the name that it has, '
                                 'in the current directory, by default')
        parser.add_argument('--force', action='store_true',
                            help='Replace what is there')
        return parser

    def take_action(self, parsed_args):
        target = parsed_args.file or default_name(parsed_args.path)
        if os.path.lexists(target) and not parsed_args.force:
            raise osc_exceptions.CommandError(
                f'{target} is there already: choose another name with '
                f'--file, or replace it with --force.')
        client = self.app.client_manager.share
        backup = utils.find_resource(client.share_backups, parsed_args.backup)
        service = api.Api(client, files.EXTENSION)
        path = f'{api.BACKUPS}/{backup.id}/files/content'
        Download(lambda headers: service.stream(path, headers,
                                                path=parsed_args.path),
                 target).run()
        size = columns.counted(os.path.getsize(target), 'byte')
        self.app.stderr.write(f'{target}: {size}\n')


def default_name(path):
    """Name of the file to write, for the path in the backup."""
    name = os.fsdecode(urllib.parse.unquote_to_bytes(
        path.rstrip('/').rpartition('/')[2]))
    if name in ('', '.', '..') or '/' in name or '\0' in name:
        raise osc_exceptions.CommandError(
            f'{path} is no file: "share backup file list" tells what is '
            f'there.')
    return name


class Download:
    """A download to a file.

    :param ask: called with a dict of headers; returns a response whose body
        has not been read.
    :param target: str, path of the file.
    """

    def __init__(self, ask, target):
        self._ask = ask
        self._target = target
        self._etag = self._part = None
        self._size = 0

    def run(self):
        """Download it, or what is left of it."""
        failed = 0
        while failed < _TRIES:
            before = self._there()
            try:
                self._get()
                break
            except (Incomplete, *_BROKEN) as exc:
                failed = 0 if self._there() > before else failed + 1
                problem = exc
                time.sleep(failed)
        else:
            raise osc_exceptions.CommandError(
                f'{self._target} could not be downloaded: {problem}. Run the '
                f'command again to go on.')
        self._check()
        os.replace(self._part, self._target)

    def _there(self):
        """How many bytes have arrived."""
        try:
            return os.path.getsize(self._part)
        except (OSError, TypeError):
            return 0

    def _get(self):
        response = self._answer(self._there())
        try:
            if self._part is None:
                self._begin(response)
                there = self._there()
                if there and response.status_code == 200:
                    response.close()
                    response = self._answer(there)
            if response.status_code == 416:
                # All of it is there.
                return
            if response.status_code != 206:
                self._begin(response)
            self._write(response, 'ab' if response.status_code == 206
                        else 'wb')
        finally:
            response.close()

    def _answer(self, offset):
        """Ask for what is after some bytes; a response of success, or of
        416."""
        headers = {}
        if offset and self._etag:
            headers = {'Range': f'bytes={offset}-', 'If-Range': self._etag}
        end = time.monotonic() + api.PATIENCE
        while True:
            response = self._ask(headers)
            if response.status_code == 503 and time.monotonic() < end:
                response.close()
                time.sleep(int(response.headers.get('Retry-After', 5)))
                continue
            if response.status_code >= 400 and (
                    response.status_code != 416 or not headers):
                raise exceptions.from_response(response, 'GET', response.url)
            return response

    def _begin(self, response):
        """Take note of which file it is."""
        self._etag = response.headers.get('ETag')
        self._size = int(response.headers['Content-Length'])
        mark = hashlib.sha256((self._etag or '').encode()).hexdigest()[:12]
        self._part = f'{self._target}.{mark}.part'
        if self._etag is None and self._there():
            os.unlink(self._part)

    def _write(self, response, mode):
        with open(self._part, mode) as target:
            for data in response.iter_content(_READ):
                target.write(data)
        if self._there() < self._size:
            raise Incomplete('the connection was closed too early, as it is '
                             'when the file is found to be damaged')

    def _check(self):
        """Compare it with its digest."""
        digest = (self._etag or '').strip('"')
        if not digest.startswith((_PLAIN, _HOLES)):
            return
        if digest_of(self._part, digest) != digest:
            os.unlink(self._part)
            raise osc_exceptions.CommandError(
                f'{self._target} is not what was stored: what arrived was '
                f'removed. The file may be damaged in the backup.')


def digest_of(path, like):
    """Digest of a file.

    :param like: str, one of the same kind.
    """
    digest = hashlib.sha256()
    with open(path, 'rb') as source:
        if like.startswith(_PLAIN):
            while data := source.read(_READ):
                digest.update(data)
            return _PLAIN + digest.hexdigest()
        offset = 0
        while block := source.read(_BLOCK):
            # Blocks of zeros may be holes, and may be stored.
            if block != _ZEROS[:len(block)]:
                digest.update(offset.to_bytes(8, 'big') + block)
            offset += len(block)
    digest.update(offset.to_bytes(8, 'big'))
    return _HOLES + digest.hexdigest()
