# SPDX-License-Identifier: Apache-2.0
"""Answering questions beside the operations: few at once, and fewer for one
project, so that neither a backup nor another project has to wait for them."""

from collections import abc
import contextlib
import os
import threading
import typing

from oslo_log import log

from manila_backup.bus import questions
from manila_backup.drivers import base
from manila_backup.engine.questions import files
from manila_backup.engine.questions import room
from manila_backup.engine.questions import warnings
from manila_backup import private

LOG = log.getLogger(__name__)

#: Function of (driver, the backup's place, a directory for what it keeps,
#: further arguments), by the question's name.
ANSWERS: dict[str, abc.Callable[..., typing.Any]] = {
    'list_files': files.list_files,
    'find_files': files.find_files,
    'list_warnings': warnings.list_warnings,
}

_MOST = 4
_MOST_OF_PROJECT = 2


class Desk:
    """Answers questions.

    :param conf: the configuration.
    :param drivers: dict of name to backup driver.
    """

    def __init__(self, conf: typing.Any,
                 drivers: abc.Mapping[str, base.BackupDriver]) -> None:
        self._drivers = drivers
        self._patience = conf.api.question_timeout / 2
        self._folder = os.path.join(conf.state_path, 'contents')
        self._room = room.Room(
            self._folder, conf.backup.contents_cache_gigabytes << 30)
        self._changed = threading.Condition()
        self._running: dict[str, int] = {}

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
        place = base.BackupReference(*arguments.pop('place'))
        private.make_directories(self._folder)
        with self._turn(project_id):
            try:
                return function(self._drivers[driver], place, self._folder,
                                **arguments)
            except NotImplementedError as exc:
                raise questions.Refused(
                    f'Backups of the driver {driver} can\'t be looked into; '
                    'they can be restored as a whole.') from exc
            except base.DamagedBackup as exc:
                LOG.warning('Backup %s: %s', place.backup_id, exc)
                raise questions.Refused(
                    'The backup is damaged: what it has can\'t be '
                    'told.') from exc
            except base.DriverError as exc:
                LOG.warning('Backup %s: %s', place.backup_id, exc)
                raise questions.Unanswered(
                    'The repository can\'t be read at the moment. Try again '
                    'later.') from exc
            finally:
                self._room.tidy(place.backup_id)

    @contextlib.contextmanager
    def _turn(self, project_id: str) -> abc.Iterator[None]:
        """Wait until there is room for one more question of a project."""
        def has_room() -> bool:
            return (sum(self._running.values()) < _MOST and
                    self._running.get(project_id, 0) < _MOST_OF_PROJECT)

        with self._changed:
            if not self._changed.wait_for(has_room, self._patience):
                raise questions.Unanswered(
                    'The worker has too much to do. Try again in some '
                    'seconds.')
            self._running[project_id] = self._running.get(project_id, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._running[project_id] -= 1
                if not self._running[project_id]:
                    del self._running[project_id]
                self._changed.notify_all()
