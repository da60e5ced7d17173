# SPDX-License-Identifier: Apache-2.0
"""schemathesis takes the service at the word of /v2/openapi.json: whatever
it sends, the answer is one that the document describes, and never a 5xx.

Every operation is tried with what its schemas allow and with what they
forbid, in some of the versions that have it. MANILA_BACKUP_TEST_EXAMPLES says
how many requests are made up per operation and kind, and has all versions
tried, which takes many minutes ("make openapi"); MANILA_BACKUP_TEST_SEED, if
given, which: by default they are the same each time.
"""

import json
import os
import subprocess
import threading

import sqlalchemy as sa
from testtools import content

from manila_backup.db import models
from tests.functional import base
from tests.functional import cloud

EXAMPLES = os.environ.get('MANILA_BACKUP_TEST_EXAMPLES')
SEED = os.environ.get('MANILA_BACKUP_TEST_SEED')

#: Seconds for all of it, less than a test may take: it says more when it is
#: ended itself.
LIMIT = int(os.environ.get('OS_TEST_TIMEOUT') or 1200) - 60

#: ignored_auth: with noauth all calls are answered.
#: The others hold only of APIs that take nothing but what they describe,
#: have what they answered for ever, or never refuse for a reason that lies in
#: the state of things.
UNFIT = ('ignored_auth', 'positive_data_acceptance',
         'ensure_resource_availability', 'use_after_free')

#: Without the header an operation is asked for in version 2.0, where it may
#: not be. One of the actions of backups answers with a body, the others
#: without: only for that there are no words in OpenAPI. The unit tests look
#: at these bodies. What is in a backup is asked of a worker, and there is
#: none: 503 is the answer that the document has for that. What has too many
#: long paths may be too large to be looked at: 413.
CHECKS = '''
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413",
                     "415", "422", "428", "429", "5xx"]

[checks.missing_required_header]
expected-statuses = ["400", "401", "403", "404", "406"]

[[operations]]
include-operation-id = "share_backups.action"

[operations.checks]
content_type_conformance.enabled = false
response_schema_conformance.enabled = false

[[operations]]
include-operation-id-regex = "share_backup_(files|file_versions|changes)[.].*"

[operations.checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503"]
'''

#: What a worker would make of a thing in this status.
DONE = {'creating': 'available', 'manage_starting': 'available',
        'backup_creating': 'available', 'restoring': 'available',
        'backup_restoring': 'available'}


class Workers(threading.Thread):
    """Stands in for the workers: with real ones, adopted directories could
    be any of this machine's."""

    def __init__(self, engine):
        super().__init__()
        self._engine = engine
        self._over = threading.Event()

    def run(self):
        while not self._over.wait(0.3):
            for statement in self._work():
                with self._engine.begin() as conn:
                    conn.execute(statement)

    @staticmethod
    def _work():
        for table in (models.share_backups, models.snapshots, models.shares):
            for old, new in DONE.items():
                yield sa.update(table).where(
                    table.c.status == old).values(status=new)
        for table in (models.share_backups, models.snapshots):
            yield sa.delete(table).where(table.c.status == 'deleting')
        # In the end: what is there by now is not available yet, but nobody
        # may find something that is, with an operation on it.
        yield sa.update(models.operations).values(live=None, status='done')

    def stop(self):
        self._over.set()
        self.join()


class AdministratorMySQL(base.TestCase):

    token = 'admin:p1'
    project = 'p1'

    #: Which versions are tried: beside the first and the last one, every
    #: so many from here on. Schemathesis tries each with each operation.
    versions = slice(20, None, 45)

    def setUp(self):
        super().setUp()
        self.cloud.tolerate = cloud.NO_WORKER
        self.cloud.start_api()
        workers = Workers(self.cloud.engine)
        workers.start()
        self.addCleanup(workers.stop)

    def test_as_described(self):
        share = self.cloud.create_share()
        # The stand-in may see the share before it sees the operation.
        cloud.eventually('its end', lambda: not self.cloud.rows(
            'SELECT id FROM operations WHERE live'))
        backup = self.cloud.create_backup(share['id'], name='one')
        self.cloud.wait_backup(backup['id'], 'available')
        (operation_id,), = self.cloud.rows(
            "SELECT id FROM operations WHERE kind = 'create'")
        description = self._description()
        config = os.path.join(self.cloud.root, 'schemathesis.toml')
        with open(config, 'w') as file:
            # Ids of things that there are, or else all is 404.
            file.write('[parameters]\n'
                       f'"path.share_id" = "{share["id"]}"\n'
                       f'"path.backup_id" = "{backup["id"]}"\n'
                       f'"path.operation_id" = "{operation_id}"\n'
                       f'"path.project_id" = "{self.project}"\n' + CHECKS)
        done = subprocess.run(
            [os.path.join(cloud.BIN, 'schemathesis'), '--config-file', config,
             'run', description,
             '--url', f'http://127.0.0.1:{self.cloud.port}',
             '--header', f'X-Auth-Token: {self.token}',
             '--exclude-checks', ','.join(UNFIT),
             '--max-examples', EXAMPLES or '10', '--continue-on-failure',
             '--no-shrink', '--no-color', '--warnings', 'off',
             '--suppress-health-check', 'all',
             *(['--seed', SEED] if SEED else ['--generation-deterministic'])],
            capture_output=True, text=True, cwd=self.cloud.root,
            timeout=LIMIT)
        self.addDetail('schemathesis', content.text_content(
            done.stdout + done.stderr))
        self.assertEqual(0, done.returncode, done.stdout[-8000:])

    def _description(self):
        """Write the service's description of itself to a file; returns its
        path."""
        document = self.cloud.ask(200, 'GET', '/openapi.json')
        parameters = document['components']['parameters']
        for schema in (each['schema'] for each in parameters.values()):
            latest, first, *others = schema['enum']
            if not EXAMPLES:
                schema['enum'] = [latest, first, *others[self.versions]]
        path = os.path.join(self.cloud.root, 'openapi.json')
        with open(path, 'w') as file:
            json.dump(document, file)
        return path


class MemberPostgreSQL(AdministratorMySQL):

    server = 'postgresql'
    token = 'demo:p1'
    versions = slice(40, None, 45)
