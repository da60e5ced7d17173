# SPDX-License-Identifier: Apache-2.0
"""What an operator does to repositories, with the real commands."""

import json
import os
import shutil
import subprocess
import uuid

from manila_backup.bus import rpc
from manila_backup.db import models
from manila_backup.db import sqltime
from tests.functional import base
from tests.functional import cloud
from tests.functional import test_commands
from tests.functional import test_dying_workers


class RepositoryTestCase(base.TestCase):

    def repository(self, *args, status=0):
        """Run a command on the repository.

        :returns: what it printed, from JSON.
        """
        done = subprocess.run(
            [os.path.join(cloud.BIN, 'manila-backup-manage'),
             '--config-file', self.cloud.config, 'repository', *args,
             *([] if args[0] == 'export' else ['--format', 'json'])],
            capture_output=True, text=True, timeout=cloud.PATIENCE)
        self.assertEqual(status, done.returncode, done.stderr)
        return json.loads(done.stdout)

    def make_backups(self, share, count=1, **values):
        """Finished backups of a share, as shown to administrators."""
        found = []
        for _ in range(count):
            made = self.cloud.create_backup(share['id'], **values)
            self.cloud.wait_backup(made['id'], 'available')
            self.cloud.wait_share(share['id'], 'available')
            found.append(self.shown(made))
        return found

    def shown(self, backup):
        return self.cloud.show_backup(backup['id'], 'admin:admin')

    def leave(self, share_id, name):
        """Something that was left in the repository, of project p1."""
        path = os.path.join(self.cloud.repository, 'p1', share_id, name)
        os.makedirs(os.path.join(path, 'data', 'd'))
        with open(os.path.join(path, 'data', 'd', 'f'), 'w') as file:
            file.write('left')
        return path


def _flip(data):
    path = os.path.join(data, 'd1', 'f1')
    st = os.stat(path)
    with open(path, 'r+b') as file:
        byte = file.read(1)[0]
        file.seek(0)
        file.write(bytes([byte ^ 4]))
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))


def _truncate(data):
    os.truncate(os.path.join(data, 'd2', 'f2'), 1)


def _remove(data):
    os.unlink(os.path.join(data, 'd3', 'f3'))


def _add(data):
    with open(os.path.join(os.fsencode(data), b'd4', b'm\xff\n"ore'), 'w'):
        pass


def _swap(data):
    one, two = (os.path.join(data, f'd{number}', f'f{number}')
                for number in (5, 6))
    os.rename(one, one + '.')
    os.rename(two, one)
    os.rename(one + '.', two)


def _mode(data):
    os.chmod(os.path.join(data, 'd7', 'f7'), 0o600)


def _symlink(data):
    path = os.path.join(data, 'd0', 'f0')
    os.rename(path, path + '.')
    os.symlink('f0.', path)


def _metadata_edit(data):
    path = os.path.join(data, '..', 'metadata.json')
    with open(path) as file:
        metadata = json.load(file)
    metadata['files'] += 1
    with open(path, 'w') as file:
        json.dump(metadata, file)


def _manifest_flip(data):
    path = os.path.join(data, '..', 'manifest')
    with open(path, 'r+b') as file:
        file.seek(os.path.getsize(path) // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def _manifest_cut(data):
    path = os.path.join(data, '..', 'manifest')
    os.truncate(path, os.path.getsize(path) - 1)


def _manifest_remove(data):
    os.unlink(os.path.join(data, '..', 'manifest'))


def _everything(data):
    shutil.rmtree(os.path.dirname(data))


class UpgradeMySQL(RepositoryTestCase):
    """A repository that an earlier release made."""

    def setUp(self):
        super().setUp()
        self.cloud.start()
        self.marker = os.path.join(self.cloud.repository,
                                   'manila-backup-repository')
        self.was = dict(self.said(), format=1)
        with open(self.marker, 'w') as file:
            json.dump(self.was, file)
        self.share = self.cloud.create_share()
        self.path = self.cloud.share_path(self.share['id'])
        self.before = self.fill(self.path, 5, 500)

    def said(self):
        with open(self.marker) as file:
            return json.load(file)

    def version(self, backup):
        """That of its manifest."""
        with open(os.path.join(self.cloud.backup_path(backup), '..',
                               'manifest'), 'rb') as file:
            return file.readline().split()[-1]

    def check(self):
        """What "upgrade check" says, of which nothing is a warning."""
        status, said = test_commands.run(
            'status', '--config-file', self.cloud.config, 'upgrade', 'check',
            '--json')
        self.assertEqual(0, status, said)
        return {each['check']: each['details']
                for each in json.loads(said)['checks']}['Repositories']

    def test_upgrade(self):
        old, = self.make_backups(self.share)
        self.assertEqual(b'1', self.version(old))
        self.assertIn('has an older format', self.check())
        self.assertIn('repository of posix', self.check())
        self.assertIn('repository upgrade', self.check())
        self.assertEqual([{'driver': 'posix', 'result': 'upgraded'}],
                         self.repository('upgrade'))
        self.assertEqual({**self.was, 'format': 2}, self.said())
        self.assertEqual(
            [{'driver': 'posix', 'result': 'is of the newest format already'}],
            self.repository('upgrade', '--driver', 'posix'))
        self.assertIsNone(self.check())
        new, = self.make_backups(self.share)
        self.assertEqual([b'1', b'2'], [self.version(each)
                                        for each in (old, new)])
        for backup in (old, new):
            shutil.rmtree(os.path.join(self.path, 'd1'))
            self.cloud.ask(202, 'POST',
                           f'/share-backups/{backup["id"]}/action',
                           {'restore': None})
            self.cloud.wait_share(self.share['id'], 'available')
            self.assertEqual(self.before, self.content(self.path))
        self.assertEqual({'sound'}, {each['result'] for each in
                                     self.repository('verify', '--all')})

    def test_not_while_an_earlier_release_needs_it(self):
        with self.cloud.engine.begin() as conn:
            conn.execute(models.services.insert().values(
                binary='manila-backup-worker', host='there',
                identity='there:1:x', topic=rpc.TOPIC, rpc_version='1.0',
                version='0.0.1', last_seen=sqltime.utc_in(3600)))
        status, said = test_commands.run(
            'manage', '--config-file', self.cloud.config, 'repository',
            'upgrade')
        self.assertEqual(1, status, said)
        self.assertIn('Workers of an earlier release are running', said)
        self.assertNotIn('Traceback', said)
        self.assertEqual(self.was, self.said())
        self.assertEqual([{'driver': 'posix', 'result': 'upgraded'}],
                         self.repository('upgrade', '--force'))
        self.assertEqual(2, self.said()['format'])


class VerifyMySQL(RepositoryTestCase):

    # Or else a damage to one backup would be one to others.
    options = {'posix__incremental': False}

    # Each damage, and what must be said of it.
    DAMAGES = ((_flip, '"d1/f1" is damaged'),
               (_truncate, '"d2/f2" is of another size'),
               (_remove, '"d3/f3" is missing'),
               (_add, r'"d4/m\xff\n\"ore" is not in the manifest'),
               (_swap, '"d6/f6" is'),
               (_mode, '"d7/f7" is not as stored: mode'),
               (_symlink, '"d0/f0" is of another type'),
               (_metadata_edit, 'contradicts its manifest'),
               (_manifest_flip, 'manifest is damaged'),
               (_manifest_cut, 'manifest is damaged'),
               (_manifest_remove, '"manifest": No such file'),
               (_everything, 'not in the repository'))

    def test_every_damage_is_found_and_marked(self):
        self.cloud.start()
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        self.fill(path, 10, 5000)
        backups = self.make_backups(share, 1 + len(self.DAMAGES))
        good = backups.pop()
        self.assertEqual(
            {'sound'}, {each['result'] for each in self.repository(
                'verify', '--all')})

        for backup, (damage, _said) in zip(backups, self.DAMAGES):
            damage(self.cloud.backup_path(backup))
        found = {each['backup_id']: each for each in self.repository(
            'verify', '--all', '--dry-run', status=1)}
        self.assertFalse(any(each['marked'] for each in found.values()))
        self.assertEqual('available', self.shown(backups[0])['status'])

        found = {each['backup_id']: each for each in self.repository(
            'verify', '--project', 'p1', status=1)}
        self.assertEqual('sound', found.pop(good['id'])['result'])
        self.assertEqual('available', self.shown(good)['status'])
        for backup, (damage, said) in zip(backups, self.DAMAGES):
            each = found.pop(backup['id'])
            self.assertEqual(('damaged', True),
                             (each['result'], each['marked']), damage)
            self.assertIn(said, ' '.join(each['damages']))
            self.assertEqual('error', self.shown(backup)['status'])
            self.assertIn(said, self.shown(backup)['fail_reason'])
        self.assertEqual({}, found)

        self._no_restore(share, backups[0], good)
        self.repository('verify', good['id'])
        self.repository('verify', good['id'], backups[0]['id'], status=1)
        self.repository('verify', str(uuid.uuid4()), status=1)

    def _no_restore(self, share, backup, good):
        """Refused, and the share left alone; the good one can be."""
        answer = self.cloud.request(
            'POST', f'/share-backups/{backup["id"]}/action',
            {'restore': None})
        self.assertEqual(400, answer.status)
        self.cloud.ask(202, 'POST', f'/share-backups/{good["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.cloud.wait_backup(good['id'], 'available')

    def test_for_people_to_read(self):
        self.cloud.start()
        share = self.cloud.create_share()
        name = b'\xc3\xa4\xff\x1b[31m\n"\\'
        with open(os.path.join(os.fsencode(
                self.cloud.share_path(share['id'])), name), 'w'):
            pass
        backup, = self.make_backups(share)
        os.unlink(os.path.join(os.fsencode(self.cloud.backup_path(backup)),
                               name))
        for locale, letter in (('C.UTF-8', '\xe4'.encode()),
                               ('POSIX', rb'\xe4')):
            done = subprocess.run(
                [os.path.join(cloud.BIN, 'manila-backup-manage'),
                 '--config-file', self.cloud.config, 'repository', 'verify',
                 backup['id']],
                capture_output=True, timeout=cloud.PATIENCE,
                env=dict(os.environ, LC_ALL=locale, PYTHONUTF8='0',
                         PYTHONCOERCECLOCALE='0', PYTHONIOENCODING=''))
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertEqual(
                [b'%b damaged, its status is error now'
                 % backup['id'].encode(),
                 b'    "%b' % letter + rb'\xff\x1b[31m\n\"\\" is missing.'],
                # What is between them: its directory's time has changed.
                done.stdout.splitlines()[::2])

    def test_a_damage_nobody_knows_of_yet_stops_a_restore(self):
        self.cloud.start()
        self.cloud.tolerate = 'is damaged: "d1/f1"'
        share = self.cloud.create_share()
        path = self.cloud.share_path(share['id'])
        self.fill(path, 10, 5000)
        backup, = self.make_backups(share)
        _flip(self.cloud.backup_path(backup))
        shutil.rmtree(os.path.join(path, 'd1'))
        with open(os.path.join(path, 'new'), 'w') as file:
            file.write('since')
        before = self.content(path)
        self.cloud.ask(202, 'POST', f'/share-backups/{backup["id"]}/action',
                       {'restore': None})
        # Nothing has been written: the share is what it was.
        self.cloud.wait_backup(backup['id'], 'available')
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(before, self.content(path))
        self.assertIn('"d1/f1" is damaged',
                      self.shown(backup)['fail_reason'])


class VerifyPostgreSQL(VerifyMySQL):

    server = 'postgresql'


class SweepMySQL(RepositoryTestCase):

    options = {'backup__sweep_interval': 0}

    def test_what_is_owned_stays_and_the_rest_goes(self):
        self.cloud.start()
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 10, 100)
        backup, = self.make_backups(share)
        left = [self.leave(share['id'], name) for name in (
            f'.partial.{backup["id"]}.1', f'.taken.{backup["id"]}.2',
            f'.trash.{backup["id"]}.0123abcd')]
        stranger = self.leave(share['id'], f'.partial.{uuid.uuid4()}.1')
        unknown = shutil.copytree(
            os.path.dirname(self.cloud.backup_path(backup)),
            os.path.join(self.cloud.repository, 'p1', share['id'],
                         str(uuid.uuid4())))

        self.assertEqual(
            ['unknown'] * 2 + ['would be removed'] * 3, sorted(
                each['done'] for each in self.repository(
                    'sweep', '--dry-run')))
        self.assertTrue(all(map(os.path.exists, left)))
        found = self.repository('sweep')
        self.assertEqual(['removed'] * 3 + ['unknown'] * 2,
                         sorted(each['done'] for each in found))
        self.assertFalse(any(map(os.path.exists, left)))
        self.assertTrue(os.path.exists(stranger))
        self.assertTrue(os.path.exists(unknown))
        self.assertEqual(['removed'] * 2, [
            each['done'] for each in self.repository('sweep', '--unknown')])
        self.assertEqual([], self.repository('sweep', '--unknown'))
        self.assertEqual('sound', self.repository(
            'verify', backup['id'])[0]['result'])

    def test_beside_operations_that_run(self):
        # Backups come and go; sweeps must not be noticed.
        self.cloud.start()
        shares = [self.cloud.create_share() for _ in range(2)]
        for share in shares:
            self.fill(self.cloud.share_path(share['id']), 300, 1000)
        kept = []
        for _ in range(3):
            made = [self.cloud.create_backup(share['id'])
                    for share in shares]
            if kept:
                self.cloud.ask(202, 'DELETE',
                               f'/share-backups/{kept.pop(0)["id"]}')
            self.assertFalse([each for each in self.repository(
                'sweep', '--unknown') if each['what'] == 'backup'
                or each['done'] != 'removed'])
            for backup in made:
                kept.append(self.cloud.wait_backup(backup['id'],
                                                   'available'))
            for share in shares:
                self.cloud.wait_share(share['id'], 'available')
        self.assertEqual({'sound'}, {
            each['result'] for each in self.repository('verify', '--all')})

    def test_one_at_a_time(self):
        with self.cloud.engine.connect() as conn:
            conn.execute(models.named_locks.insert().values(
                name='repository', holder='elsewhere:1:2',
                held_until=models.sqltime.utc_in(60),
                ended_at=models.sqltime.utcnow()))
        done = subprocess.run(
            [os.path.join(cloud.BIN, 'manila-backup-manage'),
             '--config-file', self.cloud.config, 'repository', 'sweep'],
            capture_output=True, text=True, timeout=cloud.PATIENCE)
        self.assertEqual(1, done.returncode)
        self.assertIn('elsewhere:1:2', done.stderr)
        self.assertEqual(1, done.stderr.count('\n'), done.stderr)


class SweepPostgreSQL(SweepMySQL):

    server = 'postgresql'


class Workers(RepositoryTestCase):

    options = {'backup__sweep_interval': 0.4}

    def test_workers_sweep_by_themselves(self):
        first = self.cloud.start()
        second = self.cloud.start_worker()
        share = self.cloud.create_share()
        self.fill(self.cloud.share_path(share['id']), 3, 100)
        backup, = self.make_backups(share)
        unknown = self.leave(share['id'], str(uuid.uuid4()))
        for doomed in (None, first):
            if doomed:
                doomed.kill()
            left = self.leave(share['id'], f'.partial.{backup["id"]}.1')
            cloud.eventually('it to be swept',
                             lambda left=left: not os.path.exists(left))
        self.assertTrue(os.path.exists(unknown))
        self.assertTrue(second.running())
        self.assertEqual('available', self.shown(backup)['status'])

    def test_a_worker_told_to_stop_in_the_middle_of_a_sweep(self):
        worker = self.cloud.start()
        share = self.cloud.create_share()
        backup, = self.make_backups(share)
        made = os.path.join(self.cloud.root, 'made')
        for number in range(200):
            self.fill(os.path.join(made, 'data', str(number)), 50, 1)
        left = os.path.join(self.cloud.repository, 'p1', share['id'],
                            f'.partial.{backup["id"]}.1')
        os.rename(made, left)
        cloud.eventually('a sweep', lambda: not os.path.exists(left)
                         or self.cloud.rows(
                             "SELECT 1 FROM turns WHERE name = 'repository' "
                             "AND holder IS NOT NULL"))
        self.assertEqual(0, worker.stop())
        self.assertEqual([(None,)], self.cloud.rows(
            "SELECT holder FROM turns WHERE name = 'repository'"))
        # Whatever it had not done is done after it.
        self.repository('sweep')
        self.assertEqual(
            [f'.contents.{backup["id"]}', backup['id']],
            sorted(os.listdir(os.path.join(self.cloud.repository, 'p1',
                                           share['id']))))


class WorkersThatDie(test_dying_workers.TakenOverMySQL):
    """What is taken over, swept all the time."""

    options = {**test_dying_workers.TakenOverMySQL.options,
               'backup__sweep_interval': 0.2}


class ImportMySQL(RepositoryTestCase):

    def _lose_the_database(self):
        with self.cloud.engine.connect() as conn:
            for table in reversed(models.Base.metadata.sorted_tables):
                conn.execute(table.delete())
        self.cloud.manage('db', 'sync')

    def _quota(self):
        found = self.cloud.ask(200, 'GET', '/quota-sets/p1/detail',
                               token='admin:admin')['quota_set']
        return {name: found[name]['in_use'] for name in
                ('backups', 'backup_gigabytes', 'shares', 'gigabytes')}

    def test_everything_from_the_repository_alone(self):
        self.cloud.start()
        share = self.cloud.create_share(size=2)
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 20, 1000)
        backups = self.make_backups(share, 2, name='of n\u00f6te',
                                    description='d')
        gone, = self.make_backups(share)
        self.cloud.ask(202, 'DELETE', f'/share-backups/{gone["id"]}')
        self.cloud.wait_backup(gone['id'], None)
        self.leave(share['id'], f'.partial.{uuid.uuid4()}.1')
        used = self._quota()

        listed = self.repository('list')
        self.assertEqual({each['id'] for each in backups},
                         {each['backup_id'] for each in listed})
        for each in listed:
            self.assertEqual(('p1', share['id'], 20000, True, 'available'),
                             (each['project_id'], each['share_id'],
                              each['bytes'], each['known'],
                              each['status']))
            # They share the files, and each has a manifest of its own.
            self.assertTrue(0 < each['unique_bytes'] < 20000, each)

        self._lose_the_database()
        self.assertEqual({False}, {each['known'] for each in
                                   self.repository('list')})
        self.assertEqual({'unknown'}, {each['done'] for each in
                                       self.repository('sweep')})
        self.assertEqual({'would be imported'}, {
            each['result'] for each in self.repository('import',
                                                       '--dry-run')})
        self.assertEqual([], self.cloud.rows('SELECT id FROM share_backups'))
        self.assertEqual({('imported', 'available'), ('imported', 'known')},
                         {(each['result'], each['share']) for each in
                          self.repository('import')})
        self.assertEqual({'known'}, {each['result'] for each in
                                     self.repository('import')})
        self.assertEqual(used, self._quota())
        for backup in backups:
            now = self.shown(backup)
            for each in (backup, now):
                del each['updated_at']
            self.assertEqual(backup, now)
        shown = self.cloud.ask(200, 'GET', f'/shares/{share["id"]}')['share']
        self.assertEqual((share['name'], share['created_at'], 2),
                         (shown['name'], shown['created_at'], shown['size']))

        shutil.rmtree(os.path.join(path, 'd3'))
        self.cloud.ask(202, 'POST',
                       f'/share-backups/{backups[0]["id"]}/action',
                       {'restore': None})
        self.cloud.wait_share(share['id'], 'available')
        self.assertEqual(made, self.content(path))
        for backup in backups:
            self.cloud.wait_backup(backup['id'], 'available')
            self.cloud.ask(202, 'DELETE', f'/share-backups/{backup["id"]}')
            self.cloud.wait_backup(backup['id'], None)
        self.assertEqual(0, self._quota()['backups'])

    def test_the_shares_are_gone_too(self):
        self.cloud.start()
        share = self.cloud.create_share()
        made = self.fill(self.cloud.share_path(share['id']), 5, 100)
        backup, = self.make_backups(share)
        self._lose_the_database()
        shutil.rmtree(self.cloud.share_path(share['id']))
        found, = self.repository('import')
        self.assertEqual(('imported', 'error'),
                         (found['result'], found['share']))
        fresh = self.cloud.create_share()
        self.cloud.ask(
            202, 'POST', f'/share-backups/{backup["id"]}/action',
            {'restore': fresh['id']})
        self.cloud.wait_share(fresh['id'], 'available')
        self.cloud.wait_backup(backup['id'], 'available')
        self.assertEqual(made, self.content(
            self.cloud.share_path(fresh['id'])))

    def test_a_record_from_one_database_to_another(self):
        self.cloud.start()
        share = self.cloud.create_share()
        backup, = self.make_backups(share, name='old')
        self.cloud.ask(200, 'PUT', f'/share-backups/{backup["id"]}',
                       {'share_backup': {'display_name': 'new'}})
        record = os.path.join(self.cloud.root, 'record')
        with open(record, 'w') as file:
            json.dump(self.repository('export', backup['id']), file)
        self._lose_the_database()
        self.assertEqual('old', self.repository(
            'export', backup['id'])['backup']['name'])
        moved = os.path.join(self.cloud.root, 'moved')
        os.rename(self.cloud.repository, moved)
        found, = self.repository('import', '--repository', moved,
                                 '--record', record)
        self.assertEqual('imported', found['result'])
        self.assertEqual('new', self.shown(backup)['name'])


class ImportPostgreSQL(ImportMySQL):

    server = 'postgresql'
