# SPDX-License-Identifier: Apache-2.0
"""Downloads of single files: their content comes from a worker, a piece at a
time, with the next one under way while one is sent on."""

import base64
from concurrent import futures
import contextlib
import threading
import time

from manila_backup.bus import questions
from manila_backup.contents import digests
from manila_backup import exception

# Of the time that an answer may take, how often a piece is waited for, and the
# seconds between two times it is asked for.
_PATIENCE = 3
_PAUSE = 0.5


class Places:
    """Limit of the downloads at once: each has a thread of the API for as long
    as its client takes.

    :param most: int.
    """

    def __init__(self, most):
        self._most = most
        self._guard = threading.Lock()
        self._taken = {}

    def take(self, project_id):
        """Take a place; all but one may be taken by one project.

        :raises manila_backup.exception.Unavailable: there is none.
        """
        with self._guard:
            own = self._taken.get(project_id, 0)
            if (sum(self._taken.values()) >= self._most
                    or own >= max(self._most - 1, 1)):
                raise questions.Unanswered(
                    'Too many files are being downloaded. Try again later.')
            self._taken[project_id] = own + 1

    def give_back(self, project_id):
        """Give a place back."""
        with self._guard:
            self._taken[project_id] -= 1
            if not self._taken[project_id]:
                del self._taken[project_id]


class Downloads:
    """The downloads of an API.

    :param conf: the configuration.
    :param asker: a :class:`manila_backup.bus.questions.Asker`.
    """

    def __init__(self, conf, asker):
        self._conf = conf
        self._asker = asker
        self._places = Places(max(conf.api.threads // 4, 1))

    def open(self, context, backup, path):
        """Begin with one.

        :param backup: its row.
        :param path: str, as :mod:`manila_backup.quoting` has it.
        :returns: a :class:`Download`, to be closed in the end.
        :raises manila_backup.exception.NotFound: the backup has no such file.
        :raises manila_backup.exception.Conflict: it has no content, or that
            is damaged.
        :raises manila_backup.exception.Forbidden: it is too large.
        :raises manila_backup.exception.Unavailable: not now.
        """
        most = self._conf.api.max_download << 20
        self._places.take(context.project_id)
        with contextlib.ExitStack() as stack:
            stack.callback(self._places.give_back, context.project_id)

            def ask(question, host=None, **arguments):
                return self._asker.ask_one(
                    context, backup.backup_type, question, host=host,
                    place=(backup.project_id, backup.share_id, backup.id),
                    path=path, **arguments)
            about, host = ask('open_file', most=most)
            if about['size'] > most:
                raise exception.Forbidden(
                    f'The file has {about["size"]} bytes: more than the '
                    f'{most} that may be downloaded. Restore it instead.')
            return Download(
                ask, host, about,
                _PATIENCE * self._conf.api.question_timeout,
                stack.pop_all().close)


class Download:
    """A file that is being downloaded.

    :param ask: function of (question, host, further arguments); returns the
        answer and the host that gave it.
    :param host: str, of the worker that has the file at hand, or None.
    :param about: dict, as of
        :func:`manila_backup.engine.questions.content.open_file`.
    :param patience: float, seconds to wait for a piece.
    :param close: called in the end.
    :ivar size: int, bytes.
    :ivar digest: str, as an index tells it, or None.
    """

    def __init__(self, ask, host, about, patience, close):
        self._ask = ask
        self._host = host
        self._patience = patience
        self._close = close
        self._is_closed = threading.Event()
        self._thread = None
        self.size = about['size']
        self.digest = about['digest']

    def pieces(self, start, end):
        """Iterate over the bytes of a range, as bytes.

        Where all of the file is asked for, the last piece only comes once all
        were found to have the file's digest.

        :param start: int, of the first byte.
        :param end: int, after the last one.
        :raises manila_backup.exception.Conflict: it is damaged.
        :raises manila_backup.exception.Unavailable: it can't be read on.
        """
        if start == end:
            return
        running = None
        if self.digest is not None and (start, end) == (0, self.size):
            running = digests.Running(self.digest)
        self._thread = futures.ThreadPoolExecutor(1, 'download')
        ahead = self._thread.submit(self._read, start, end)
        while start < end:
            data = ahead.result()
            start += len(data)
            if start < end:
                ahead = self._thread.submit(self._read, start, end)
            if running:
                running.update(data)
                if start == end and running.text() != self.digest:
                    raise questions.Refused(
                        'The file is damaged in the backup: its content is '
                        'not what was stored.')
            yield data

    def close(self):
        """End it, wherever it is."""
        if not self._is_closed.is_set():
            self._is_closed.set()
            if self._thread:
                self._thread.shutdown(wait=False, cancel_futures=True)
            self._close()

    def _read(self, start, end):
        """Read a piece; the worker may be asked again, and another one where
        that is gone."""
        limit = time.monotonic() + self._patience
        while True:
            try:
                answer, self._host = self._ask(
                    'read_file', self._host, digest=self.digest, offset=start,
                    length=min(questions.PIECE, end - start))
                data = base64.b64decode(answer['data'])
                if data:
                    return data
                raise questions.Refused('The file ends too early.')
            except questions.Unanswered:
                self._host = None
                if (time.monotonic() > limit
                        or self._is_closed.wait(_PAUSE)):
                    raise
