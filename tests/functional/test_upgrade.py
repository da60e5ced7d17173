# SPDX-License-Identifier: Apache-2.0
"""A rolling upgrade: processes of an earlier release and of this one, on one
database, one bus and one repository.

That release is the oldest that may be upgraded from, which differs the most;
:class:`Latest` is of the one right before this."""

import os
import shutil
import signal
import uuid


from manila_backup.bus import rpc
from manila_backup import conf as config
from tests.functional import base
from tests.functional import cloud
from tests.functional import previous
from tests.functional import test_dying_workers

messaging = rpc.messaging

#: What an old worker says of messages that it does not know: those of this
#: release's APIs in tests that run beside this one reach it too.
UNKNOWN_MESSAGE = r'ERROR oslo_messaging\.rpc\.server '


class Cloud(cloud.Cloud):
    """At first all of an earlier release: the schema, and what is started."""

    MADE = False
    commit = staticmethod(previous.oldest)

    def _setUp(self):
        self.release = self.old = self.useFixture(
            previous.Release(self.commit()))
        super()._setUp()
        self.tolerate = f'{UNKNOWN_MESSAGE}|{cloud.NO_WORKER}'

    def _sync(self):
        self.manage('db', 'sync')

    def expand(self):
        """Bring the schema to this release's version, and start processes
        of this release from now on.

        What is of the previous release runs already: it may refuse to start
        on another schema than its own, as the first ones did.
        """
        self.release = None
        super()._sync()

    def configure(self, name, text):
        """A further file of configuration; its path."""
        path = os.path.join(self.root, name)
        with open(path, 'w') as file:
            file.write(text)
        return path


class Heard:
    """Messages of the API to the workers, heard on the bus.

    :ivar queued: dict of an operation's id to what else was said of it.
    """

    target = messaging.Target(version='1.99')

    def __init__(self, conf):
        self.queued = {}
        self._transport = rpc.get_transport(conf)
        self._server = messaging.get_rpc_server(
            self._transport,
            messaging.Target(topic=rpc.TOPIC, server=uuid.uuid4().hex),
            [self], executor='threading')
        self._server.start()

    def operation_queued(self, context, operation_id, **more):
        self.queued[operation_id] = more

    def operation_cancelled(self, context, operation_id):
        pass

    def close(self):
        self._server.stop()
        self._server.wait()
        self._transport.cleanup()


class MixedTestCase(base.TestCase):

    cloud_class = Cloud
    options = {'backup__scan_interval': 1, 'report_interval': 0.2}

    def hear(self):
        """Listen to the bus."""
        heard = Heard(config.load(['--config-file', self.cloud.config],
                                  'test'))
        self.addCleanup(heard.close)
        return heard

    def backed_up(self, share):
        """A new backup of a share, made."""
        backup = self.cloud.create_backup(share['id'])
        return self.cloud.wait_backup(backup['id'], 'available')

    def restore(self, backup, share):
        """Restore a backup to the share it was made of."""
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(
            ('available', '100'),
            tuple(self.cloud.show_backup(backup['id'])[name]
                  for name in ('status', 'restore_progress')))

    def delete(self, backup):
        """Delete a backup."""
        path = self.cloud.backup_path(backup)
        self.assertTrue(os.path.exists(path))
        self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}')
        self.cloud.wait_backup(backup['id'], None)
        self.assertFalse(os.path.exists(path))

    def damage(self, path):
        """Change what is in a share."""
        shutil.rmtree(os.path.join(path, 'd3'))
        with open(os.path.join(path, 'd5', 'f5'), 'ab') as file:
            file.write(b'damage')

    def life(self):
        """Create, restore and delete, share and backup."""
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 100, 3000)
        backup = self.backed_up(share)
        self.assertEqual(made, self.content(self.cloud.backup_path(backup)))
        self.damage(path)
        self.restore(backup, share)
        self.assertEqual(made, self.content(path))
        self.delete(backup)
        self.cloud.ask(202, 'DELETE', f'/shares/{share["id"]}')
        self.cloud.wait_share(share['id'], None)

    def done_by(self, backup, kind='create'):
        """The pid of the worker that an operation was last claimed by."""
        (worker,), = self.cloud.rows(
            'SELECT worker FROM operations WHERE backup_id = :id AND '
            'kind = :kind', id=backup['id'], kind=kind)
        return int(worker.split(':')[1])

    def versions(self):
        """The versions of messages that the workers say they understand."""
        return {version for version, in self.cloud.rows(
            'SELECT DISTINCT rpc_version FROM services')}


class LatestCloud(Cloud):

    commit = staticmethod(previous.latest)


class Latest(MixedTestCase):
    """Processes of the release before this one, beside those of this one."""

    cloud_class = LatestCloud

    def test_side_by_side(self):
        worker = self.cloud.start()
        api = self.cloud.processes[-1]
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 100, 3000)
        first = self.backed_up(share)
        self.cloud.expand()
        self.life()
        new = self.cloud.start_worker()
        self.life()
        self.assertEqual(0, api.stop())
        self.cloud.start_api()
        self.life()
        self.assertEqual(0, worker.stop())
        self.damage(path)
        self.restore(first, share)
        self.assertEqual(made, self.content(path))
        self.assertEqual(new.pid, self.done_by(first, 'restore'))
        self.life()


class LatestPostgreSQL(Latest):

    server = 'postgresql'


class OldApi(MixedTestCase):
    """The workers are replaced first."""

    def test_new_worker(self):
        old = self.cloud.start()
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 100, 3000)
        first = self.backed_up(share)
        self.assertEqual(old.pid, self.done_by(first))
        asked = self._ask_for_everything(old)

        self.cloud.expand()
        new = self.cloud.start_worker()
        self.assertEqual({rpc.VERSION}, self.versions())
        self._wait_for_everything(*asked)
        self.life()
        # What the old one made is sound, is restored, and is built upon.
        self.assertIn('sound', self.cloud.manage('repository', 'verify',
                                                 '--all'))
        self.damage(path)
        self.restore(first, share)
        self.assertEqual(made, self.content(path))
        self.assertEqual(new.pid, self.done_by(first, 'restore'))
        second = self.backed_up(share)
        self.assertTrue(os.path.samefile(*(
            os.path.join(self.cloud.backup_path(each), 'd7', 'f7')
            for each in (first, second))))
        self.delete(first)
        self.assertEqual(made, self.content(self.cloud.backup_path(second)))

    def _ask_for_everything(self, worker):
        """Operations of each kind, that wait for a worker once this one is
        stopped.

        :returns: (ids of shares that are to be available, ids of backups
            that are, paths below /v2 of what is to be gone).
        """
        backed, restored, emptied, doomed, snapped = (
            self.cloud.create_share()['id'] for _ in range(5))
        kept, lost = (self.backed_up({'id': each})['id']
                      for each in (restored, emptied))
        snapshot = self._snapshot(snapped)
        cloud.eventually('the snapshot', lambda: self.cloud.ask(
            200, 'GET', f'/snapshots/{snapshot}')['snapshot']['status']
            == 'available')
        adopted = os.path.join(self.cloud.root, 'adopted')
        os.mkdir(adopted)
        self.assertEqual(0, worker.stop())

        made = self.cloud.create_backup(
            backed, backup_options={'backup_type': 'posix'})['id']
        self.cloud.ask(202, 'POST', f'/share-backups/{kept}/action',
                       {'restore': None})
        self.cloud.ask(202, 'DELETE', f'/share-backups/{lost}')
        self.cloud.ask(202, 'DELETE', f'/shares/{doomed}')
        self.cloud.ask(202, 'DELETE', f'/snapshots/{snapshot}')
        self._snapshot(emptied)
        new = self.cloud.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}})['share']['id']
        managed = self.cloud.ask(200, 'POST', '/shares/manage', {'share': {
            'service_host': 'here@local#local', 'export_path': adopted,
            'protocol': 'NFS'}}, token='admin:p1')['share']['id']
        self.assertEqual(
            set(self.cloud.old.says('from manila_backup import states',
                                    '[str(each) for each in states.Kind]')),
            {kind for kind, in self.cloud.rows(
                "SELECT kind FROM operations WHERE status = 'queued'")})
        return ((backed, restored, new, managed), (made, kept),
                (f'/share-backups/{lost}', f'/shares/{doomed}',
                 f'/snapshots/{snapshot}'))

    def _snapshot(self, share_id):
        return self.cloud.ask(202, 'POST', '/snapshots', {'snapshot': {
            'share_id': share_id}})['snapshot']['id']

    def _wait_for_everything(self, shares, backups, gone):
        for each in shares:
            self.cloud.wait_share(each, 'available')
        for each in backups:
            self.cloud.wait_backup(each, 'available')
        cloud.eventually('the rest to be gone', lambda: all(
            self.cloud.request('GET', path).status == 404 for path in gone))
        # With nothing against it.
        cloud.eventually('the rest', lambda: not self.cloud.rows(
            "SELECT id FROM operations WHERE status = 'queued'"))
        self.assertEqual([], self.cloud.rows(
            "SELECT id, error FROM operations WHERE status <> 'done'"))


class OldWorker(MixedTestCase):
    """The API is replaced first."""

    server = 'postgresql'

    def test_new_api(self):
        old = self.cloud._start_worker()
        self.cloud._wait_worker(old)
        self.cloud.expand()
        self.assertNotEqual({rpc.VERSION}, self.versions())
        heard = self.hear()
        api = self.cloud.start_api()
        self.life()
        self.assertIn('Messages to the workers are capped at version 1.0',
                      api.said())
        # Nothing that the old one does not know.
        ours = {id_ for id_, in self.cloud.rows('SELECT id FROM operations')}
        cloud.eventually('the messages', lambda: ours <= set(heard.queued))
        self.assertEqual([{}] * len(ours),
                         [heard.queued[each] for each in ours])
        self._go_back(old)

    def _go_back(self, old):
        """Go back to the old release: what a new worker has made is no riddle
        to an old one."""
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 100, 3000)
        new = self.cloud.start_worker()
        # The old one has nothing to do now, and would take all of the work
        # if it were always the first.
        old.signal(signal.SIGSTOP)
        try:
            backup = self.backed_up(share)
        finally:
            old.signal(signal.SIGCONT)
        self.assertEqual(new.pid, self.done_by(backup))
        self.assertEqual(0, new.stop())
        self.damage(path)
        self.restore(backup, share)
        self.assertEqual(made, self.content(path))
        self.assertEqual(old.pid, self.done_by(backup, 'restore'))
        self.delete(backup)


class Pinned(MixedTestCase):
    """Both kinds of worker, and what the API says to them."""

    def test_until_the_last_old_worker_is_gone(self):
        old = self.cloud._start_worker()
        self.cloud._wait_worker(old)
        self.cloud.expand()
        self.cloud.start_worker()
        heard = self.hear()
        self.cloud.start_api()
        pinned = cloud.free_port()
        self.cloud.start_api(pinned, self.cloud.configure(
            'pinned.conf', '[upgrade_levels]\nworker = 1.0\n'))

        self.assertEqual({}, self._said(heard, self.cloud.port))
        self.assertEqual({}, self._said(heard, pinned))
        self.assertEqual(0, old.stop())
        whole = {'kind': 'share_create', 'driver': None}
        # Each look makes a share.
        cloud.eventually('the API to notice', lambda: whole == self._said(
            heard, self.cloud.port), pause=2)
        # That one has to be told.
        self.assertEqual({}, self._said(heard, pinned))

    def _said(self, heard, port):
        """Return what an API says of a new operation."""
        share = self.cloud.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}}, port=port)['share']
        self.cloud.wait_share(share['id'], 'available')
        (id_,), = self.cloud.rows(
            'SELECT id FROM operations WHERE share_id = :id', id=share['id'])
        cloud.eventually('the message', lambda: id_ in heard.queued)
        return heard.queued[id_]

    def test_messages_that_no_worker_knows(self):
        workers = [self.cloud.start()]
        self.cloud.expand()
        # On a host of its own: workers of one host listen to one queue.
        host = f'host-{uuid.uuid4().hex[:12]}'
        workers.append(self.cloud.start_worker(self.cloud.configure(
            'host.conf', f'[DEFAULT]\nhost = {host}\n')))
        conf = config.load(['--config-file', self.cloud.config], 'test')
        transport = rpc.get_transport(conf)
        self.addCleanup(transport.cleanup)
        for identity, in self.cloud.rows('SELECT identity FROM services'):
            # The release before has a queue for each process.
            server = host if identity.startswith(host) else identity
            for version, method, args in (
                    ('1.98', 'operation_queued', {'operation_id': 'x'}),
                    ('2.0', 'operation_queued', {'operation_id': 'x'}),
                    ('1.0', 'operation_queued', {'what': 'else'}),
                    ('1.0', 'operation_cancelled', {}),
                    ('1.0', 'operation_praised', {'operation_id': 'x'})):
                messaging.get_rpc_client(transport, messaging.Target(
                    topic=rpc.TOPIC, server=server, version=version)
                ).cast({}, method, **args)
        cloud.eventually('all to be heard', lambda: all(
            'praised' in said and said.count(
                'Exception during message handling') >= 5
            for said in (worker.said() for worker in workers)))
        # With a pin that lets no message through, they have to look.
        silent = cloud.free_port()
        self.cloud.start_api(silent, self.cloud.configure(
            'silent.conf', '[upgrade_levels]\nworker = 9.0\n'))
        self._alone(workers[1], workers[0], silent)

    def _alone(self, leaving, staying, port):
        self.assertEqual(0, leaving.stop())
        share = self.cloud.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1}}, port=port)['share']
        self.cloud.wait_share(share['id'], 'available')
        self.assertTrue(staying.running())


class HandedOver(test_dying_workers.DyingWorkersTestCase):
    """A worker is replaced in the middle of its work."""

    cloud_class = Cloud
    FILES, SIZE = 6000, 20000
    # Several directories: what is stored of one is noted when it is done.
    STORED = 2000
    options = {**test_dying_workers.DyingWorkersTestCase.options,
               'backup__scan_interval': 1,
               # Of the old one's, none is for leaving.
               'backup__shutdown_grace': 0}

    def _stored(self, backup):
        """The inodes of the files that an attempt has stored so far."""
        top = os.path.dirname(os.path.dirname(self.cloud.backup_path(backup)))
        partial = os.path.join(top, f'.partial.{backup["id"]}.1', 'data')
        return {os.stat(os.path.join(folder, name)).st_ino
                for folder, _, names in os.walk(partial) for name in names}

    def test_new_worker_carries_on_with_what_the_old_one_copied(self):
        share, made = self._big_share()
        backup = self._caught_backup(share['id'])
        stored = self._stored(backup)
        self.assertNotEqual(set(), stored)
        self.cloud.expand()
        new = self.cloud.start_worker()
        self.assertEqual(0, self.worker.stop())
        backup = self.cloud.wait_backup(backup['id'], 'available')
        (worker, attempt, failures), = self.cloud.rows(
            'SELECT worker, attempt, failures FROM operations '
            'WHERE backup_id = :id', id=backup['id'])
        self.assertEqual((f'here:{new.pid}', 2, 0),
                         (worker.rpartition(':')[0], attempt, failures))
        copy = self.cloud.backup_path(backup)
        self.assertEqual(made, self.content(copy))
        taken = {os.stat(os.path.join(copy, name)).st_ino for name in made}
        # But for those that were being written.
        self.assertLess(len(stored - taken), len(stored) / 2)
        cloud.eventually('no leftovers', lambda: not self._partial())
