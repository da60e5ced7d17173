# SPDX-License-Identifier: Apache-2.0
"""Questions to workers: what only who has the repository can tell, asked and
answered at once.

Unlike a wake-up call, a question is waited for, for as long as ``[api]
question_timeout`` says, and nothing remembers it: whoever gets no answer asks
again. It goes to any one worker that has the backup's driver, changes
nothing, and holds no lease.
"""

from concurrent import futures
import contextlib
import os
import threading
import time
import typing

from manila_backup.bus import faults
from manila_backup.bus import queue_names
from manila_backup.bus import rpc
from manila_backup.bus import version_cap
from manila_backup import context as context_
from manila_backup.db import engine
from manila_backup.db import services as db_services
from manila_backup import exception

if typing.TYPE_CHECKING:
    from oslo_config import cfg

#: The first version of the workers that answer any.
FIRST_VERSION = '1.2'

_TOPIC = 'manila-backup-questions'

#: The most bytes of a file in one answer.
PIECE = 1 << 20

# Seconds between two attempts to reach workers of which none listens.
_PAUSE = 0.2

# By how much those who answer give way to those who copy, as of nice(1).
_NICENESS = 10

# What queues for answers are called by, where their names last.
_ASKER = 'manila-backup-api'
_VERSION = '1.0'


class Missing(exception.NotFound):
    """The backup does not have it."""

    problem = 'missing'

    def __init__(self, message: str) -> None:
        exception.ManilaBackupError.__init__(self, message)


class Refused(exception.Conflict):
    """It can't be told of this backup: its driver has no way, or what it
    kept is damaged."""

    problem = 'refused'


class Unanswered(exception.Unavailable):
    """No worker answers: none is there, or all have too much to do."""

    problem = 'unavailable'


#: Problems that an answer can have, by the names that they have on the bus.
PROBLEMS: dict[str, typing.Callable[[str], exception.ManilaBackupError]] = {
    each.problem: each for each in (Missing, Refused, Unanswered)}


def topic(transport: typing.Any, driver: str) -> str:
    """Topic on which the workers that have a driver are asked. A wake-up call
    that reaches the workers of another deployment on the same bus does no
    harm; a question would be answered by them. So the exchange, by which
    ``[DEFAULT] control_exchange`` keeps deployments apart, is part of it: the
    names of queues are not."""
    return f'{_TOPIC}.{transport.conf.control_exchange}.{driver}'


class Asker:
    """The API's side.

    :param conf: the configuration.
    :param transport: an oslo.messaging transport.
    :param database: a :class:`manila_backup.db.engine.Database`.
    """

    def __init__(self, conf: 'cfg.ConfigOpts', transport: typing.Any,
                 database: engine.Database) -> None:
        self._conf = conf
        self._client = rpc.messaging.get_rpc_client(
            transport, rpc.messaging.Target(topic=_TOPIC, version=_VERSION))
        self._transport = transport
        self._database = database
        # In each of the processes that a WSGI server forks.
        self._naming = threading.Lock()
        self._number: queue_names.Number | None = None
        # Whoever waits for an answer keeps a thread from other requests.
        most = max(conf.api.threads // 2, 1)
        self._places = threading.BoundedSemaphore(most)
        self._here: typing.Any = None
        self._pool = futures.ThreadPoolExecutor(most, 'question')

    def answer_here(self, worker: typing.Any) -> None:
        """Have a worker in this process asked without a bus: the one in
        memory looks for messages some times a second only.

        :param worker: as for :func:`get_servers`.
        """
        self._here = worker

    def close(self) -> None:
        """Ask nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def ask(self, context: context_.RequestContext, driver: str,
            question: str, **arguments: typing.Any) -> typing.Any:
        """Ask a worker.

        :param driver: str, the backup driver that it must have.
        :param question: str, a name in
            :mod:`manila_backup.engine.questions`.
        :param arguments: what JSON can hold.
        :returns: the answer, which is the same.
        :raises Unanswered: there is none.
        :raises Missing: the backup has no such thing.
        :raises Refused: it can't be told of this backup.
        """
        with self.place():
            return self.ask_one(context, driver, question, **arguments)[0]

    @contextlib.contextmanager
    def place(self) -> typing.Iterator[None]:
        """Take one of the places of those who wait for workers.

        :raises Unanswered: there is none.
        """
        if not self._places.acquire(blocking=False):
            raise Unanswered('Too many such requests are being processed. '
                             'Try again in some seconds.')
        try:
            yield
        finally:
            self._places.release()

    def ask_one(self, context: context_.RequestContext, driver: str,
                question: str, *, host: str | None = None,
                **arguments: typing.Any) -> tuple[typing.Any, str | None]:
        """Ask a worker, for whoever has seen to it that not too many do; see
        :meth:`ask`.

        :param host: str, that of the worker to ask; None for any.
        :returns: (the answer, the host of the worker that gave it).
        """
        here = self._here
        if here and driver in here.drivers and host in (None, here.host):
            answer = self._call_here(context, driver, question, arguments)
        else:
            answer = self._call(context, driver, question, host, arguments)
        if 'problem' in answer:
            raise PROBLEMS.get(answer['problem'], Unanswered)(
                answer['message'])
        return answer['result'], answer.get('host')

    def _call_here(self, context: context_.RequestContext, driver: str,
                   question: str, arguments: dict[str, typing.Any]
                   ) -> dict[str, typing.Any]:
        endpoint = _Endpoint(driver, self._here.questions, self._here.host)

        def answer() -> dict[str, typing.Any]:
            # For the log, which looks for it in the thread.
            context_.RequestContext.from_dict(context.to_dict())
            return endpoint.answer(context, question, str(context.project_id),
                                   arguments)

        try:
            return self._pool.submit(answer).result(
                self._conf.api.question_timeout)
        except futures.TimeoutError:
            raise Unanswered('The answer takes long. Try again in some '
                             'seconds.') from None

    def _call(self, context: context_.RequestContext, driver: str,
              question: str, host: str | None,
              arguments: dict[str, typing.Any]) -> dict[str, typing.Any]:
        if not self._has_workers():
            raise Unanswered('No worker that could answer is running. Ask '
                             'the operator, or try again later.')
        with self._naming:
            if self._number is None:
                self._number = queue_names.number(
                    self._conf, self._transport, _ASKER)
        options = {'topic': topic(self._transport, driver), 'retry': 0,
                   'transport_options': rpc.messaging.TransportOptions(
                       at_least_once=True),
                   **({} if host is None else {'server': host})}
        with faults.Silence():
            try:
                return self._send(options, context, question, arguments)
            except rpc.messaging.MessageUndeliverable:
                problem = 'No worker listens.'
            except rpc.messaging.MessagingTimeout:
                problem = 'No worker answered in time.'
            except rpc.messaging.MessageDeliveryFailure:
                problem = 'The workers can\'t be reached.'
        raise Unanswered(problem + ' Try again in some seconds.')

    def _send(self, options: dict[str, typing.Any],
              context: context_.RequestContext, question: str,
              arguments: dict[str, typing.Any]) -> dict[str, typing.Any]:
        """Send a question, and again while no such worker listens: one that
        has shown a sign of life may be about to."""
        end = time.monotonic() + self._conf.api.question_timeout
        while True:
            left = end - time.monotonic()
            try:
                found: dict[str, typing.Any] = self._client.prepare(
                    timeout=max(left, _PAUSE), **options).call(
                        context, 'answer', question=question,
                        project_id=context.project_id, arguments=arguments)
                return found
            except rpc.messaging.MessageUndeliverable:
                if left <= _PAUSE:
                    raise
            time.sleep(_PAUSE)

    def _has_workers(self) -> bool:
        """Tell whether a worker lives that answers questions: without one, a
        question would wait for its whole time."""
        found = self._database.read(
            db_services.living_rpc_versions, rpc.TOPIC,
            self._conf.service_down_time)
        first = version_cap.numbers(FIRST_VERSION)
        return any(version_cap.numbers(each) >= first for each in found)


class _Endpoint:
    target = rpc.messaging.Target(version=_VERSION)

    def __init__(self, driver: str, desk: typing.Any, host: str) -> None:
        self._driver = driver
        self._desk = desk
        self._host = host

    def answer(self, context: typing.Any, question: str, project_id: str,
               arguments: dict[str, typing.Any]) -> dict[str, typing.Any]:
        """Answer a question; a problem is an answer too."""
        _give_way()
        try:
            return {'result': self._desk.answer(
                self._driver, question, project_id, arguments),
                'host': self._host}
        except (Missing, Refused, Unanswered) as exc:
            return {'problem': exc.problem, 'message': exc.message}


def _give_way() -> None:
    """Have this thread, which does nothing but answer questions, wait for the
    processes that copy where both want a processor. On Linux, a thread has a
    niceness of its own."""
    thread = threading.get_native_id()
    if os.getpriority(os.PRIO_PROCESS, thread) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, thread, _NICENESS)


def get_servers(transport: typing.Any, worker: typing.Any
                ) -> list[typing.Any]:
    """The worker's side: oslo.messaging servers, not started, one for each
    driver that it has.

    :param worker: has ``drivers``, ``host`` and ``questions``, a
        :class:`manila_backup.engine.questions.Desk`.
    """
    return [rpc.messaging.get_rpc_server(
        transport, rpc.messaging.Target(topic=topic(transport, name),
                                        server=worker.host),
        [_Endpoint(name, worker.questions, worker.host)], executor='threading',
        access_policy=rpc.dispatcher.DefaultRPCAccessPolicy)
        for name in worker.drivers]
