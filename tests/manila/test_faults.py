# SPDX-License-Identifier: Apache-2.0
"""A Manila that refuses, fails, or can't be reached."""

import os
import threading

from tests.functional import cloud as functional
from tests.manila import fault_case
from tests.manila import fault_proxy


def once(answer, *asked):
    """Interfere with the first request that is like that.

    :param asked: (method, what its path ends with, what is in its body).
    """
    left = [answer]
    lock = threading.Lock()

    def interfere(method, path, body):
        if _like(asked, method, path, body):
            with lock:
                return left.pop() if left else None

    return interfere


def always(answer, *asked):
    """Interfere with every such request."""
    return lambda *request: answer if _like(asked, *request) else None


def _like(asked, method, path, body):
    path = path.partition('?')[0]
    return (method == asked[0] and path.endswith(asked[1])
            and (len(asked) < 3 or asked[2] in body))


LOCK = 'POST', '/resource-locks'
ALLOW = 'POST', '/action', 'allow_access'
SNAPSHOT = 'POST', '/snapshots'


class TestFaults(fault_case.TestCase):

    def _available(self, share_id, backup_id, failures=0):
        backup = self.wait_backup(backup_id, 'available')
        self.assertNothingLeft(share_id)
        (failed,), = self.cloud.rows(
            'SELECT failures FROM operations WHERE backup_id = :id',
            id=backup_id)
        self.assertEqual(failures, failed)
        return backup

    def _failed(self, share_id, backup_id, said, attempts):
        backup = self.wait_backup(backup_id, 'error')
        self.assertIn(said, backup['fail_reason'])
        (made,), = self.cloud.rows(
            'SELECT attempt FROM operations WHERE backup_id = :id',
            id=backup_id)
        self.assertEqual(attempts, made)
        self.assertNothingLeft(share_id)
        self.assertEqual('available', self.share_status(share_id))

    # -- what passes, within one attempt ---------------------------------

    def test_overloaded(self):
        share_id = self.make_share()
        for status in (413, 429, 503):
            self.proxy.before = once(
                fault_proxy.refusal(status, 'busy', Retry_After='1'), *ALLOW)
            self._available(share_id, self.back_up(share_id))

    def test_overloaded_without_saying_how_long(self):
        share_id = self.make_share()
        self.proxy.before = once(fault_proxy.refusal(503), *LOCK)
        self._available(share_id, self.back_up(share_id))

    def test_answers_that_are_lost(self):
        share_id = self.make_share('mountable')
        for asked in (LOCK, ALLOW, SNAPSHOT, ('POST', '/metadata')):
            self.proxy.after = once(fault_proxy.DROP, *asked)
            self._available(share_id, self.back_up(share_id))
        share_id = self.make_share()
        self.proxy.after = once(fault_proxy.DROP, *ALLOW)
        self._available(share_id, self.back_up(share_id))

    def test_a_token_that_is_not_valid_any_more(self):
        share_id = self.make_share()
        self.proxy.before = once(fault_proxy.refusal(401), *ALLOW)
        self._available(share_id, self.back_up(share_id))
        # The request was sent again, with a new one.
        refused, taken = [
            token for token, asked in zip(self.proxy.tokens,
                                          self.proxy.requests)
            if share_id in asked[1] and _like(ALLOW, *asked)]
        self.assertNotEqual(refused, taken)

    # -- what passes later -----------------------------------------------

    def test_an_access_rule_that_can_not_be_applied(self):
        share_id = self.make_share()
        # The share driver fails to write there.
        rules = os.path.join(self.manila.root, 'access', f'{share_id}.json')
        os.makedirs(rules)
        self.addCleanup(self._remove_directory, rules)
        backup_id = self.back_up(share_id)
        functional.eventually('a failure', lambda: self.cloud.rows(
            'SELECT id FROM operations WHERE backup_id = :id AND '
            'failures > 0', id=backup_id) or 'error' in [
                each['state'] for each in self.manila.rules(share_id)])
        os.rmdir(rules)
        self.wait_backup(backup_id, 'available')
        self.assertNothingLeft(share_id)

    @staticmethod
    def _remove_directory(path):
        if os.path.isdir(path):
            os.rmdir(path)

    def test_unreachable_at_the_end(self):
        share_id = self.make_share()
        log = os.path.join(self.manila.root, 'mounts.log')

        def interfere(method, path, body):
            with open(log) as file:
                if share_id in file.read():
                    return fault_proxy.DROP

        self.proxy.before = interfere
        backup_id = self.back_up(share_id)
        # It is published all the same.
        self.wait_backup(backup_id, 'available')
        self.assertNotEqual([], self.left(share_id))
        self.proxy.reset()
        self.assertNothingLeft(share_id)

    def test_unreachable_when_it_is_asked_for(self):
        share_id = self.make_share()
        self.proxy.before = always(fault_proxy.DROP, 'GET', share_id)
        answer = self.cloud.request(
            'POST', '/share-backups',
            {'share_backup': {'share_id': share_id}}, token=self.alice)
        self.assertEqual(503, answer.status)
        self.assertIn('Retry-After', answer.headers)
        self.proxy.reset()
        self._available(share_id, self.back_up(share_id))

    # -- what does not pass ----------------------------------------------

    def test_forbidden(self):
        share_id = self.make_share()
        for asked in (LOCK, ALLOW):
            self.proxy.before = always(
                fault_proxy.refusal(403, 'Policy does not allow it'), *asked)
            self._failed(share_id, self.back_up(share_id),
                         'Policy does not allow it (HTTP 403)', 1)

    def test_never_reachable(self):
        share_id = self.make_share()
        self.proxy.before = always(fault_proxy.DROP, *LOCK)
        self._failed(share_id, self.back_up(share_id),
                     'Manila could not be reached', 3)

    def test_a_share_that_is_deleted_meanwhile(self):
        share_id, other_id = self.make_share(), self.make_share(size=2)
        kept = self.back_up(share_id)
        self._available(share_id, kept)

        def interfere(method, path, body):
            if _like(ALLOW, method, path, body):
                for lock in self.manila.locks():
                    if lock['resource_id'] == share_id:
                        self.manila.request(
                            'DELETE', f'/resource-locks/{lock["id"]}')
                self.manila.request('DELETE', f'/shares/{share_id}')
                self.manila.wait('shares', share_id, None)

        self.proxy.before = interfere
        backup_id = self.back_up(share_id)
        backup = self.wait_backup(backup_id, 'error')
        self.assertIn('(HTTP 404)', backup['fail_reason'])
        self.assertEqual('share_gone', self.cloud.ask(
            200, 'GET', f'/share-backups/{backup_id}', token=self.alice,
            headers={'OpenStack-API-Version':
                     'shared-file-system-backup 1.0'})[
                         'share_backup']['status_code'])
        self.proxy.reset()
        self.assertNothingLeft(share_id)
        # What was backed up before can be had back, elsewhere.
        answer = self.cloud.request(
            'POST', f'/share-backups/{kept}/action', {'restore': None},
            token=self.alice)
        self.assertEqual(400, answer.status)
        self.restore(kept, other_id)
        self.wait_backup(kept, 'available')
        with open(f'{self.manila.share_path(other_id)}/sub/file') as file:
            self.assertEqual(f'{share_id}sub/file', file.read())
        self.assertNothingLeft(other_id)

    def test_a_share_that_is_not_available(self):
        share_id, small_id = self.make_share(size=2), self.make_share()
        kept = self.back_up(share_id)
        self.wait_backup(kept, 'available')
        path = f'/share-backups/{kept}/action'
        for status, code in (('deleting', 409), ('migrating', 409),
                             ('error', 400), ('available', 202)):
            self.manila.request('POST', f'/shares/{share_id}/action',
                                {'reset_status': {'status': status}})
            for path_, body in (
                    (path, {'restore': share_id}),
                    ('/share-backups',
                     {'share_backup': {'share_id': share_id}})):
                if code == 202:
                    self.wait_backup(kept, 'available')
                answer = self.cloud.request('POST', path_, body,
                                            token=self.alice)
                self.assertEqual(code, answer.status, answer.body)
        self.wait_backup(answer.body['share_backup']['id'], 'available')
        answer = self.cloud.request('POST', path, {'restore': small_id},
                                    token=self.alice)
        self.assertEqual(400, answer.status)
        self.assertNothingLeft(share_id)

    # -- snapshots -------------------------------------------------------

    def test_no_quota_for_a_snapshot(self):
        share_id = self.make_share('mountable')
        self.proxy.before = always(
            fault_proxy.refusal(413, 'Quota exceeded'), *SNAPSHOT)
        backup = self._available(share_id, self.back_up(share_id))
        self.assertIn('Quota exceeded', backup['fail_reason'])

    def test_a_snapshot_that_fails(self):
        share_id = self.make_share('mountable')
        path = self.manila.share_path(share_id)

        def interfere(method, path_, body):
            # So that the share driver can't copy it.
            if _like(SNAPSHOT, method, path_, body):
                os.rename(path, f'{path}.away')
            elif _like(ALLOW, method, path_, body):
                os.rename(f'{path}.away', path)

        self.proxy.before = interfere
        backup = self._available(share_id, self.back_up(share_id))
        self.assertIn('could not be made: it is error',
                      backup['fail_reason'])

    # -- others' rules ---------------------------------------------------

    def test_a_rule_that_is_somebody_elses(self):
        share_id = self.make_share()
        rule = self.manila.allow(share_id, level='ro')
        backup_id = self.back_up(share_id)
        self.wait_backup(backup_id, 'available')
        self.restore(backup_id)
        # It has not been written to.
        backup = functional.eventually(
            'the restore to fail', lambda: self.share_status(share_id)
            == 'available' and self.wait_backup(backup_id, 'available'))
        self.assertIn('is read-only', backup['fail_reason'])
        self.assertContent(share_id)
        self.assertEqual([rule], [each['id'] for each
                                  in self.manila.rules(share_id)])
        # Until somebody has seen to it.
        self.manila.request('POST', f'/shares/{share_id}/action',
                            {'deny_access': {'access_id': rule}}, 'alice')
        self.restore(backup_id)
        functional.eventually('the restore', lambda: self.share_status(
            share_id) == 'available')
        self.assertNothingLeft(share_id)

    # -- calling it off --------------------------------------------------

    def test_called_off_while_manila_works(self):
        share_id = self.make_share('mountable')
        for asked in (LOCK, ALLOW, SNAPSHOT):
            held, go = threading.Event(), threading.Event()
            self.addCleanup(go.set)

            def interfere(*request, asked=asked, held=held, go=go):
                if _like(asked, *request):
                    held.set()
                    go.wait(functional.PATIENCE)

            self.proxy.after = interfere
            backup_id = self.back_up(share_id)
            self.assertTrue(held.wait(functional.PATIENCE))
            self.cloud.ask(202, 'POST', f'/share-backups/{backup_id}/action',
                           {'reset_status': {'status': 'error'}},
                           token=self.admin)
            functional.eventually('it to be called off', lambda:
                                  self.share_status(share_id) == 'available')
            go.set()
            self.proxy.reset()
            self.assertNothingLeft(share_id)
