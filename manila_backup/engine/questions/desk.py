# SPDX-License-Identifier: Apache-2.0
"""Answering questions beside the operations: few at once, and fewer for one
project, so that neither a backup nor another project has to wait for them."""

from collections import abc
import contextlib
import dataclasses
import os
import threading
import time
import typing

from oslo_log import log

from manila_backup.bus import questions
from manila_backup.drivers import base
from manila_backup.engine.questions import changes
from manila_backup.engine.questions import content
from manila_backup.engine.questions import files
from manila_backup.engine.questions import restores
from manila_backup.engine.questions import room
from manila_backup.engine.questions import versions
from manila_backup.engine.questions import warnings
from manila_backup import private

LOG = log.getLogger(__name__)

#: Function of (driver, the backup's place, a directory for what it keeps,
#: further arguments), by the question's name.
ANSWERS: dict[str, abc.Callable[..., typing.Any]] = {
    'list_files': files.list_files,
    'find_files': files.find_files,
    'list_changes': changes.list_changes,
    'list_versions': versions.list_versions,
    'list_warnings': warnings.list_warnings,
    'open_file': content.open_file,
    'preview_restore': restores.preview_restore,
    'read_file': content.read_file,
}

# Those that look into a share too: they are given the source of shares.
_OF_SHARES = frozenset(('preview_restore',))

_MOST = 4
_MOST_OF_PROJECT = 2

# Seconds after which a question takes no place from others any more: nothing
# ends a call to a file system that does not answer. Of a driver that has so
# many of those, nothing more is asked.
_OVERDUE = 30.0
_MOST_OVERDUE = 4

# Seconds between two looks whether one is.
_PAUSE = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class _Running:
    """A question that is being answered.

    :ivar since: float, as of the clock.
    """

    driver: str
    project_id: str
    since: float


class Desk:
    """Answers questions.

    :param conf: the configuration.
    :param drivers: dict of name to backup driver.
    :param clock: returns the time in seconds.
    :param source: the share source.
    """

    def __init__(self, conf: typing.Any,
                 drivers: abc.Mapping[str, base.BackupDriver],
                 clock: abc.Callable[[], float] = time.monotonic,
                 source: typing.Any = None) -> None:
        self._drivers = drivers
        self._source = source
        self._clock = clock
        self._patience = conf.api.question_timeout / 2
        self._folder = os.path.join(conf.state_path, 'contents')
        self._room = room.Room(
            self._folder, conf.backup.contents_cache_gigabytes << 30)
        self._changed = threading.Condition()
        self._running: set[_Running] = set()

    def answer(self, driver: str, question: str, project_id: str,
               arguments: dict[str, typing.Any]) -> typing.Any:
        """Answer a question.

        :param driver: str, which one is meant.
        :param project_id: str, who asks.
        :param arguments: dict, ``place`` among them: three ids.
        :returns: what JSON can hold.
        :raises questions.Missing: the backup has no such thing.
        :raises questions.Refused: it can't be told of this backup.
        :raises questions.Unanswered: not now.
        """
        function = ANSWERS.get(question)
        if function is None:
            raise questions.Refused(
                'The workers are of an earlier release, which can\'t tell '
                'that.')
        arguments = dict(arguments)
        if question in _OF_SHARES:
            arguments['source'] = self._source
        place = base.BackupReference(*arguments.pop('place'))
        private.make_directories(self._folder)
        with self._turn(driver, project_id):
            try:
                return function(self._drivers[driver], place, self._folder,
                                **arguments)
            except NotImplementedError as exc:
                raise questions.Refused(
                    f'Files in backups of the driver {driver} can\'t be '
                    'listed or read; restore the whole backup.') from exc
            except base.DamagedBackup as exc:
                LOG.warning('Backup %s: %s', place.backup_id, exc)
                raise questions.Refused(
                    'The backup is damaged: its content can\'t be '
                    'read.') from exc
            except base.DriverError as exc:
                LOG.warning('Backup %s: %s', place.backup_id, exc)
                raise questions.Unanswered(
                    'The repository can\'t be read at the moment. Try again '
                    'later.') from exc
            finally:
                self._room.tidy(place.backup_id)

    @contextlib.contextmanager
    def _turn(self, driver: str, project_id: str) -> abc.Iterator[None]:
        """Wait until there is room for one more question of a project."""
        with self._changed:
            end = self._clock() + self._patience
            while not self._has_room(driver, project_id):
                left = end - self._clock()
                if left <= 0:
                    raise questions.Unanswered(
                        'The worker is busy. Try again in some '
                        'seconds.')
                self._changed.wait(min(left, _PAUSE))
            mine = _Running(driver, project_id, self._clock())
            self._running.add(mine)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(mine)
                self._changed.notify_all()

    def _has_room(self, driver: str, project_id: str) -> bool:
        """Tell whether one more can be answered.

        :raises questions.Unanswered: it would only wait as others do.
        """
        overdue = self._clock() - _OVERDUE
        if sum(each.driver == driver and each.since < overdue
               for each in self._running) >= _MOST_OVERDUE:
            raise questions.Unanswered(
                'The repository does not answer, or is busy with earlier '
                'requests. Try again later.')
        counted = [each for each in self._running if each.since >= overdue]
        return (len(counted) < _MOST and sum(
            each.project_id == project_id
            for each in counted) < _MOST_OF_PROJECT)
