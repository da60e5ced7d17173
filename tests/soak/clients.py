# SPDX-License-Identifier: Apache-2.0
"""Clients that ask for anything at any time, and keep account of it."""

import os
import random
import shutil
import threading
import time
import uuid

from tests.soak import model
from tests.soak import service as services
from tests.soak import trees

ADMIN = 'admin:admin'

#: More than so many backups of one share are not asked for.
MANY = 4

#: What each client does, and how often.
WEIGHTS = {'create': 26, 'restore': 22, 'beside': 8, 'delete': 12,
           'update': 6, 'reset': 8, 'change': 14, 'race': 8, 'list': 4}

EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}

#: What the directories of restores beside begin with, and how many a share
#: has at most before some are removed.
BESIDE, MOST_BESIDE = 'beside-', 2


class Client:
    """One client, with a thread of its own.

    :param number: int; with the seed, it decides what the client does.
    :param shares: list of :class:`~tests.soak.model.Share`.
    :param stop: a :class:`threading.Event`, to end it.
    """

    def __init__(self, number, seed, service, shares, tally, stop):
        self.name = f'client{number}'
        self._thread = threading.Thread(target=self._run, name=self.name,
                                        daemon=True)
        self._service = service
        self._shares = shares
        self._tally = tally
        self._stopping = stop
        self._random = random.Random(f'{seed} client {number}')
        self._gardener = trees.Gardener(self._random)
        self._asked = 0
        #: All backups that it asked for and that were admitted.
        self.made = []
        #: The users of all its requests that were admitted.
        self.admitted = set()
        #: What ended it before its time.
        self.failed = None

    def start(self):
        self._thread.start()

    def join(self, timeout):
        """Wait until it has ended.

        :returns: bool, whether it has.
        """
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self):
        try:
            while not self._stopping.is_set():
                self._act()
                self._stopping.wait(self._random.uniform(0, 0.25))
        except BaseException as exc:
            self.failed = exc
            raise

    def _act(self):
        share, = self._random.choices(
            self._shares, [each.weight for each in self._shares])
        action, = self._random.choices(list(WEIGHTS), WEIGHTS.values())
        if share.lock.acquire(blocking=False):
            try:
                getattr(self, f'_{action}')(share)
            finally:
                share.lock.release()

    # -- requests --------------------------------------------------------

    def _user(self):
        self._asked += 1
        return f'{self.name}-{self._asked}'

    def _send(self, kind, token, method, path, body=None, api=None,
              headers=None):
        """One request.

        :returns: an Answer; or LOST if it is not known what became of the
            request, or REFUSED if it reached nobody.
        """
        api = api or self._random.choice(self._service.apis)
        answer = self._service.request(api, token, method, path, body,
                                       headers)
        if isinstance(answer, str):
            self._tally.count('requests', kind, answer)
            return answer
        self._tally.count('requests', kind, str(answer.status))
        if answer.status == 503:
            if not answer.headers.get('Retry-After'):
                self._tally.violation(
                    f'{method} {path}: 503 without Retry-After')
            return services.LOST
        if answer.status >= 500:
            self._tally.violation(
                f'{method} {path}: {answer.status} {answer.body}')
            return services.LOST
        return answer

    def _insist(self, kind, token, method, path, body=None):
        """One request that bears repeating, until it is answered.

        :returns: an Answer.
        """
        while True:
            answer = self._send(kind, token, method, path, body)
            if not isinstance(answer, str):
                return answer
            time.sleep(0.3)

    def _unexpected(self, answer, method, path):
        self._tally.violation(f'{method} {path}: unexpectedly '
                              f'{answer.status} {answer.body}')

    def _admitted(self, kind, user, method, path, body, allowed, api=None,
                  project=None, headers=None):
        """One request for an operation.

        :param allowed: the statuses with which it may be refused.
        :returns: (whether it was let in, the Answer or None).
        """
        answer = self._send(kind, f'{user}:{project}', method, path, body,
                            api, headers)
        if answer == services.REFUSED:
            return False, None
        if answer == services.LOST:
            self._service.settle()
            done = self._service.operation(user) is not None
            self._tally.count('unanswered requests', kind,
                              'let in' if done else 'not let in')
            if done:
                self.admitted.add(user)
            return done, None
        if answer.status == 202:
            self.admitted.add(user)
            if self._service.operation(user) is None:
                self._tally.violation(f'{method} {path} of {user}: 202, and '
                                      f'there is no operation')
            return True, answer
        if answer.status not in allowed:
            self._unexpected(answer, method, path)
        return False, answer

    # -- what is asked for -----------------------------------------------

    # Each takes the share, its lock held, and returns what is to be done
    # once it is known which of several requests came first; or None.

    def _ask_create(self, share, user, api=None):
        name = f'backup {user}'
        done, answer = self._admitted(
            'create', user, 'POST', '/share-backups',
            {'share_backup': {'share_id': share.id, 'name': name}},
            (400, 403, 409), api, share.project)
        if answer is None:
            found = self._insist(
                'list', f'{user}:{share.project}', 'GET',
                f'/share-backups/detail?name={name.replace(" ", "%20")}')
            listed = found.body['share_backups']
            if len(listed) != int(done):
                self._tally.violation(
                    f'a create by {user} was {"" if done else "not "}let '
                    f'in, and {len(listed)} backups are listed')
            backup_id = listed[0]['id'] if listed else None
        elif done:
            backup_id = answer.body['share_backup']['id']
        if not done or backup_id is None:
            return None

        def follow():
            backup = model.Backup(backup_id, name, user, share,
                                  share.content)
            share.backups.append(backup)
            self.made.append(backup)
        return follow

    def _ask_restore(self, backup, target, user, api=None):
        elsewhere = target is not backup.share
        done, answer = self._admitted(
            'restore', user, 'POST', f'/share-backups/{backup.id}/action',
            {'restore': target.id if elsewhere else None},
            (400, 404, 409), api, target.project)
        if not done:
            self._check_gone(backup, answer)
            return None

        def follow():
            target.content = model.Restored(user, target.content,
                                            backup.content)
        return follow

    def _ask_beside(self, backup, user):
        share, name = backup.share, BESIDE + user
        done, answer = self._admitted(
            'restore beside', user, 'POST',
            f'/share-backups/{backup.id}/action',
            {'restore_files': {'paths': ['/'], 'target_path': name}},
            (400, 404, 409), None, share.project, EXTENSION)
        if not done:
            self._check_gone(backup, answer)
            return None

        def follow():
            share.content = model.Beside(user, share.content, backup.content,
                                         name)
            share.beside += 1
        return follow

    def _ask_delete(self, backup, user, api=None):
        # Before it is known: whoever asks beside us may find it gone.
        backup.deletions.append(user)
        done, answer = self._admitted(
            'delete', user, 'DELETE', f'/share-backups/{backup.id}', None,
            (400, 404, 409), api, backup.share.project)
        if not done:
            backup.deletions.remove(user)
            self._check_gone(backup, answer)
        return None

    def _check_gone(self, backup, answer):
        """A backup that nobody deleted is there."""
        if answer is not None and answer.status == 404:
            if not backup.deletions:
                self._tally.violation(
                    f'backup {backup.id} is gone, and nobody deleted it')
            if backup in backup.share.backups:
                backup.share.backups.remove(backup)

    # -- actions ---------------------------------------------------------

    def _create(self, share):
        if len(share.backups) < MANY:
            self._follow(self._ask_create(share, self._user()))

    def _restore(self, share):
        if not share.backups:
            return
        backup = self._random.choice(share.backups)
        other = self._random.choice(self._shares)
        if (self._random.random() < 0.8 or other.project != share.project
                or other is share
                or not other.lock.acquire(blocking=False)):
            self._follow(self._ask_restore(backup, share, self._user()))
            return
        try:
            self._follow(self._ask_restore(backup, other, self._user()))
        finally:
            other.lock.release()

    def _beside(self, share):
        if share.backups and share.beside < MOST_BESIDE:
            self._follow(self._ask_beside(
                self._random.choice(share.backups), self._user()))

    def _delete(self, share):
        if share.backups:
            self._follow(self._ask_delete(
                self._random.choice(share.backups), self._user()))

    @staticmethod
    def _follow(follow):
        if follow:
            follow()

    def _update(self, share):
        if not share.backups:
            return
        backup = self._random.choice(share.backups)
        path = f'/share-backups/{backup.id}'
        text = uuid.UUID(int=self._random.getrandbits(128)).hex
        answer = self._insist(
            'update', f'{self._user()}:{share.project}', 'PUT', path,
            {'share_backup': {'display_description': text}})
        if answer.status == 200:
            if answer.body['share_backup']['description'] != text:
                self._unexpected(answer, 'PUT', path)
        elif answer.status == 404:
            self._check_gone(backup, answer)
        else:
            self._unexpected(answer, 'PUT', path)

    def _reset(self, share):
        if not share.backups:
            return
        backup = self._random.choice(share.backups)
        if self._random.random() < 0.3:
            # For a moment: nobody leaves a backup like that.
            self._set(backup, self._random.choice(
                ('creating', 'deleting', 'restoring')))
        status = 'error'
        if self._random.random() < 0.5 and self._is_sound(backup):
            status = 'available'
        self._set(backup, status)
        if status == 'error' and self._random.random() < 0.6:
            self._follow(self._ask_delete(backup, self._user()))

    def _is_sound(self, backup):
        """Tell whether it can be called available without lying."""
        made = self._service.operation(backup.user)
        return made.status == 'done' and not backup.deletions

    def _set(self, backup, status):
        path = f'/share-backups/{backup.id}/action'
        answer = self._insist('reset', ADMIN, 'POST', path,
                              {'reset_status': {'status': status}})
        if answer.status == 404:
            self._check_gone(backup, answer)
        elif answer.status != 202:
            self._unexpected(answer, 'POST', path)

    def _list(self, share):
        path = '/share-backups/detail?limit=1000'
        answer = self._insist('list', f'{self._user()}:{share.project}',
                              'GET', path)
        if answer.status != 200:
            self._unexpected(answer, 'GET', path)
            return
        listed = {each['id'] for each in answer.body['share_backups']}
        for backup in share.backups:
            if backup.id not in listed and not backup.deletions:
                self._tally.violation(f'backup {backup.id} is not listed')

    def _race(self, share):
        """Two requests about the same at the same time."""
        asks = [lambda user, api: self._ask_create(share, user, api)]
        if share.backups:
            backup = self._random.choice(share.backups)
            asks += [
                lambda user, api: self._ask_restore(backup, share, user,
                                                    api),
                lambda user, api: self._ask_delete(backup, user, api),
                lambda user, api: self._set(backup, 'error')]
        if len(share.backups) >= MANY:
            del asks[0]
        chosen = [(self._random.choice(asks), self._user(),
                   self._random.choice(self._service.apis))
                  for _ in range(2)]
        follow = {}
        threads = [threading.Thread(target=self._race_one,
                                    args=(follow, *each))
                   for each in chosen]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        # As the database had them.
        for user in sorted(follow, key=lambda user: (
                self._service.operation(user).created_at)):
            follow[user]()

    def _race_one(self, follow, ask, user, api):
        found = ask(user, api)
        if found:
            follow[user] = found

    # -- the shares' content ---------------------------------------------

    def _change(self, share):
        """Look at a share on which nothing runs, and change it."""
        path = f'/shares/{share.id}'
        answer = self._insist('show share', f'{self._user()}:'
                              f'{share.project}', 'GET', path)
        if answer.status != 200:
            self._unexpected(answer, 'GET', path)
            return
        status = answer.body['share']['status']
        if status not in ('available', 'backup_restoring_error'):
            self._tally.count('shares', 'change', 'busy')
            return
        check_content(share, status, self._service, self._tally)
        self._remove_beside(share)
        self._gardener.change(share.path)
        share.content = model.Known(trees.walk(share.path))
        self._tally.count('shares', 'change', 'changed')
        if status != 'available':
            path = f'/shares/{share.id}/action'
            answer = self._insist('reset share', ADMIN, 'POST', path,
                                  {'reset_status': {'status': 'available'}})
            if answer.status != 202:
                self._unexpected(answer, 'POST', path)

    @staticmethod
    def _remove_beside(share):
        """Or shares would be in shares without end."""
        for name in os.listdir(share.path):
            if name.startswith(BESIDE):
                shutil.rmtree(os.path.join(share.path, name))
        share.beside = 0


def check_content(share, status, service, tally):
    """Hold a share on which nothing runs against what it must hold.

    :param status: the share's.
    """
    expected = model.resolve(share.content, service, status)
    if (expected is None) != (status == 'backup_restoring_error'):
        last = getattr(share.content, 'user', None)
        tally.violation(
            f'share {share.id} is {status}, and the last restore of it is '
            f'{last and service.operation(last)}')
    if expected is None:
        tally.count('shares', 'content', 'undefined')
        return
    wrong = expected.differences(trees.walk(share.path))
    if wrong:
        tally.violation(f'share {share.id} does not hold what it must: '
                        f'{wrong}')
    tally.count('shares', 'content', {
        model.Restored: 'as the backup', model.Beside: 'with a backup in it',
    }.get(type(share.content), 'as it was'))
