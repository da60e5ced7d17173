# SPDX-License-Identifier: Apache-2.0
"""A Manila that has what a test gives it, over HTTP."""

import collections
from http import server
import json
import re
import threading
import uuid

import fixtures

from manila_backup.shares import base
from manila_backup.shares.manila import client
from manila_backup.shares.manila import session
from manila_backup.shares.manila import waiting

#: What a share has unless a test says otherwise.
SHARE = {'status': 'available', 'project_id': 'p1', 'size': 1, 'name': 'n',
         'share_proto': 'NFS', 'availability_zone': 'nova', 'metadata': {},
         'task_state': None, 'share_type': 't',
         'created_at': '2026-11-29T18:00:00.000000'}


def job(attempt=1, **kwargs):
    """An attempt."""
    return base.Job('0' * 8 + '-0000-4000-8000-' + '0' * 12, 'a-backup',
                    attempt, **kwargs)


class Manila(fixtures.Fixture):
    """Everything is done at once, unless a test changes a state.

    :ivar shares, rules, locks, snapshots: dict of id to dict.
    :ivar asked: list of (method, path, body).
    :ivar answers: dict of method and the beginning of a path to a list of
        (status, headers) that are answered first.
    :ivar client: a client of it.
    """

    def __init__(self, version='2.96'):
        self.version = version
        self.shares, self.rules, self.locks, self.snapshots = {}, {}, {}, {}
        self.snapshot_rules = []
        self.asked = []
        self.versions = set()
        self.answers = collections.defaultdict(list)
        self.rule_state = 'active'

    def _setUp(self):
        httpd = server.ThreadingHTTPServer(('127.0.0.1', 0), _handler(self))
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever,
                                  kwargs={'poll_interval': 0.02})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(httpd.server_close)
        self.addCleanup(httpd.shutdown)
        self.url = f'http://127.0.0.1:{httpd.server_port}/v2'
        self.settings = self.make_settings()
        self.client = client.Manila(self.settings)
        self.patience = waiting.Patience(1, 0.01)

    def make_settings(self, url=None, attempts=3):
        """Settings for a client of it."""
        return session.SessionSettings(
            'none', {'endpoint': url or self.url}, {'timeout': 5},
            {'service_catalog_url': url or self.url}, attempts)

    def add_share(self, id_='s', **values):
        """A share; its dict."""
        self.shares[id_] = {**SHARE, 'id': id_, 'metadata': {}, **values}
        return self.shares[id_]

    def add_rule(self, share_id='s', **values):
        """An access rule; its dict."""
        rule = {'id': uuid.uuid4().hex, 'share_id': share_id,
                'access_type': 'ip', 'access_to': '192.0.2.1',
                'access_level': 'ro', 'state': 'active', 'metadata': {},
                'access_key': None, **values}
        self.rules[rule['id']] = rule
        return rule

    def changes(self):
        """List what was changed: (method, path)."""
        return [(method, path) for method, path, _ in self.asked
                if method != 'GET']

    # -- what it does ----------------------------------------------------

    def answer(self, method, path, body):
        """(status, body)."""
        for pattern, function in self._TABLE:
            match = re.fullmatch(pattern, f'{method} {path}')
            if match:
                try:
                    return 200, function(self, body, *match.groups())
                except ValueError:
                    break
                except KeyError:
                    return 404, {'itemNotFound': {
                        'code': 404, 'message': 'It could not be found.'}}
        return 400, {'badRequest': {'code': 400, 'message': 'Malformed.'}}

    def _versions(self, body):
        return {'versions': [{'id': 'v2.0', 'min_version': '2.0',
                              'version': self.version}]}

    def _share(self, body, id_):
        return {'share': self.shares[id_]}

    def _rules(self, body, id_):
        if id_ not in self.shares:
            raise ValueError(id_)
        return {'access_list': [each for each in self.rules.values()
                                if each['share_id'] == id_]}

    def _act(self, body, id_):
        self.shares[id_]
        if 'deny_access' in body:
            del self.rules[body['deny_access']['access_id']]
            return None
        asked = body['allow_access']
        return {'access': self.add_rule(
            id_, state=self.rule_state, access_level=asked['access_level'],
            access_to=asked['access_to'], access_type=asked['access_type'],
            metadata=asked['metadata'])}

    def _lock_list(self, body, id_):
        return {'resource_locks': [each for each in self.locks.values()
                                   if each['resource_id'] == id_]}

    def _lock(self, body):
        lock = {'id': uuid.uuid4().hex, **body['resource_lock']}
        self.locks[lock['id']] = lock
        return {'resource_lock': lock}

    def _unlock(self, body, id_):
        del self.locks[id_]

    def _set_metadata(self, body, id_):
        self.shares[id_]['metadata'].update(body['metadata'])
        return body

    def _delete_metadata(self, body, id_, key):
        del self.shares[id_]['metadata'][key]

    def _snapshot_list(self, body, id_):
        return {'snapshots': [each for each in self.snapshots.values()
                              if each['share_id'] == id_]}

    def _snapshot(self, body, id_):
        return {'snapshot': self.snapshots[id_]}

    def _make_snapshot(self, body):
        made = {'id': uuid.uuid4().hex, 'status': 'available',
                **body['snapshot']}
        self.snapshots[made['id']] = made
        return {'snapshot': made}

    def _delete_snapshot(self, body, id_):
        del self.snapshots[id_]

    def _snapshot_rules(self, body, id_):
        return {'snapshot_access_list': self.snapshot_rules}

    def _allow_snapshot(self, body, id_):
        if 'force_delete' in body:
            return None
        self.snapshot_rules.append({**body['allow_access'],
                                    'id': 'r', 'state': 'active'})
        return {'snapshot_access': self.snapshot_rules[-1]}

    def _snapshot_exports(self, body, id_):
        return {'share_snapshot_export_locations': [{'path': 'h:/snapshot'}]}

    def _copies(self, body):
        return {'shares': []}

    def _list(self, body, offset):
        return {'shares': list(self.shares.values())[int(offset or 0):]}

    _TABLE = (
        (r'GET /', _versions),
        (r'GET /v2/shares/(\w+)', _share),
        (r'GET /v2/share-access-rules\?share_id=(\w+)', _rules),
        (r'POST /v2/shares/(\w+)/action', _act),
        (r'GET /v2/resource-locks\?.*resource_id=(\w+).*', _lock_list),
        (r'POST /v2/resource-locks', _lock),
        (r'DELETE /v2/resource-locks/(\w+)', _unlock),
        (r'POST /v2/shares/(\w+)/metadata', _set_metadata),
        (r'DELETE /v2/shares/(\w+)/metadata/(\w+)', _delete_metadata),
        (r'GET /v2/snapshots/detail\?.*share_id=(\w+)', _snapshot_list),
        (r'GET /v2/snapshots/(\w+)', _snapshot),
        (r'POST /v2/snapshots', _make_snapshot),
        (r'DELETE /v2/snapshots/(\w+)', _delete_snapshot),
        (r'GET /v2/snapshots/(\w+)/access-list', _snapshot_rules),
        (r'POST /v2/snapshots/(\w+)/action', _allow_snapshot),
        (r'GET /v2/snapshots/(\w+)/export-locations', _snapshot_exports),
        (r'GET /v2/shares/detail\?.*snapshot_id=.*', _copies),
        (r'GET /v2/shares/detail\?.*?(?:&offset=(\d+).*)?', _list))


def _handler(manila):
    class Handler(server.BaseHTTPRequestHandler):

        protocol_version = 'HTTP/1.1'

        def _do(self):
            body = self.rfile.read(int(self.headers.get('Content-Length')
                                       or 0))
            body = json.loads(body) if body else None
            manila.asked.append((self.command, self.path, body))
            manila.versions.add(
                self.headers.get('X-OpenStack-Manila-API-Version'))
            status, headers = 200, {}
            for (method, path), answers in manila.answers.items():
                if (answers and method == self.command
                        and self.path.startswith(path)):
                    status, headers = answers.pop(0)
                    text = {'refused': {'code': status,
                                        'message': 'Not today.'}}
                    break
            else:
                status, text = manila.answer(self.command, self.path, body)
            text = json.dumps(text).encode() if text else b''
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = _do

        def log_message(self, *args):
            pass

    return Handler
