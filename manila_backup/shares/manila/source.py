# SPDX-License-Identifier: Apache-2.0
"""The shares of a Manila beside this service.

What an attempt does with a share, in this order: it locks it and says so in
its metadata; removes what was left by others of this service; has a snapshot
made where that can be; has access granted; mounts; and undoes all of that in
the end. It may be cut off anywhere in between. What is left then has its mark
(:mod:`.ownership`), and before the first of it is made, the operation's row in
the database says that there may be something.
"""

import contextlib
import datetime

from oslo_log import log

from manila_backup import exception
from manila_backup.plans import assignments
from manila_backup.shares import base
from manila_backup.shares.manila import access
from manila_backup.shares.manila import client
from manila_backup.shares.manila import leftovers
from manila_backup.shares.manila import mounting
from manila_backup.shares.manila import ownership
from manila_backup.shares.manila import protection
from manila_backup.shares.manila import session
from manila_backup.shares.manila import snapshots
from manila_backup.shares.manila import waiting

LOG = log.getLogger(__name__)

# Statuses that a share has for a while only.
_CHANGING = frozenset({
    'creating', 'creating_from_snapshot', 'deleting', 'deferred_deleting',
    'manage_starting', 'unmanage_starting', 'manage_error_unmanage_starting',
    'extending', 'shrinking', 'migrating', 'migrating_to',
    'replication_change', 'restoring', 'reverting', 'awaiting_transfer',
    'backup_creating', 'backup_restoring', 'ensuring', 'server_migrating',
    'server_migrating_to', 'network_change'})

#: How often a request that somebody waits for is sent, and how many seconds
#: it may take each time.
_SHORT = {'attempts': 2, 'timeout': 10.0}

#: Seconds that a worker itself waits for leftovers to go; after that they
#: are the sweep's.
_PATIENCE = 15.0


class ManilaShares(base.ShareSource):
    """See the module's description.

    :param settings: a :class:`.session.SessionSettings`.
    :param mounts: a :class:`.mounting.MountSettings`.
    :param options: dict with ``access_type``, ``access_to``,
        ``cephx_user``, ``point_in_time``, ``wait_timeout`` and
        ``wait_interval``, as in the configuration.
    """

    EXTERNAL = True

    def __init__(self, settings, mounts, options):
        self._settings = settings
        self._mounts = mounts
        self._options = options
        self._manila = client.Manila(settings)
        self._short = client.Manila(settings, **_SHORT)
        self._lists_some = True

    def __reduce__(self):
        # Connections stay where they are.
        return type(self), (self._settings, self._mounts, self._options)

    @classmethod
    def from_conf(cls, conf):
        options = conf.manila_shares
        settings = session.SessionSettings.from_conf(conf)
        if options.access_type != 'cephx' and not options.access_to:
            raise exception.ConfigurationError(
                '[shares] source is "manila", but [manila_shares] access_to '
                'is not set: the address that this host reaches shares from.')
        return cls(settings, mounting.MountSettings.from_conf(options),
                   {name: options[name] for name in (
                       'access_type', 'access_to', 'cephx_user',
                       'point_in_time', 'wait_timeout', 'wait_interval')})

    def describe(self, share_id):
        try:
            found = self._short.share(share_id)
        except client.Gone:
            return None
        status = found['status']
        if found.get('task_state') and status == 'available':
            # A migration that its owner doesn't see.
            if not found['task_state'].endswith(('_success', '_error',
                                                 '_cancelled')):
                status = 'migrating'
        return _described(found, status, _share(found))

    def make(self, token, project_id, **values):
        return _described(self._short.create_share_as(
            token, project_id, **values))

    def find(self, project_id=None, share_id=None, share_type=None,
             metadata=None):
        if share_id is not None:
            with contextlib.suppress(client.Gone):
                yield _share(self._short.share(share_id))
            return
        query = {}
        if project_id is not None:
            query['project_id'] = project_id
        if metadata:
            query['metadata'] = metadata
        seen = set()
        for page in self._short.shares(**query):
            for found in page:
                # One that is deleted meanwhile moves the others up.
                share = _share(found)
                if share.id not in seen and (
                        share_type is None or share_type in share.types):
                    seen.add(share.id)
                    yield share
        # Without the right to list those of all projects, Manila lists only
        # those of the service's own, and says nothing.
        self._tell(seen or next(self._short.shares()))

    def _tell(self, found):
        """Tell when there come to be none of all shares, and some again.

        :param found: those that Manila has listed, or some of them.
        """
        before, self._lists_some = self._lists_some, bool(found)
        if before and not found:
            LOG.warning('Manila lists no share of any project. If there are '
                        'some, its rule "share:list_all_projects" has to '
                        'allow that to the user in [manila_shares].')
        elif found and not before:
            LOG.info('Manila lists shares again.')

    @contextlib.contextmanager
    def use(self, share, job, progress):
        patience = self._patience(progress)
        over = False
        try:
            with self._view(share.id, job, patience) as view:
                yield view
            over = True
        except exception.WorkFailed as exc:
            # It is not protected any less until it is tried again.
            over = not exc.retryable
            raise
        finally:
            # What stays is tried again, and told, at the operation's end.
            with contextlib.suppress(base.ShareError):
                _undo(self._manila, share.id, job, patience, over)

    @contextlib.contextmanager
    def _view(self, share_id, job, patience):
        manila = self._manila
        found = manila.share(share_id)
        if found['status'] == 'creating':
            # For what is to be restored to it.
            patience.until(f'Share {share_id}', lambda: manila.share(
                share_id)['status'] != 'creating')
            found = manila.share(share_id)
        if found['status'] != 'available':
            raise base.ShareError(
                f'Share {share_id} is {found["status"]} in Manila, and must '
                f'be available.', retryable=found['status'] in _CHANGING)
        patience.check()
        if not job.looks_only:
            protection.begin(manila, found, job)
        left = leftovers.Leftovers(manila, share_id, ownership.Others(job))
        # One rule for one address: these would be in the way.
        left.remove_rules(patience)
        left.begin_removal(patience)
        left.remove_protection(patience)
        grantee = self._grantee(found)
        mountable, kind, reason = self._mountable(found, grantee, job,
                                                  patience)
        with mounting.mounted(self._mounts, found, mountable, grantee,
                              job) as path:
            yield base.View(path, kind, reason)

    def _mountable(self, share, grantee, job, patience):
        """Create what is to be mounted, or choose the share itself.

        :returns: (an :class:`.snapshots.Mountable`, what kind of
            :class:`~.base.View` it makes, the reason that goes with it).
        """
        mode = self._options['point_in_time']
        reason = None
        if job.read_only and not job.looks_only and mode != base.LIVE:
            try:
                return (snapshots.take(self._manila, share, grantee, job,
                                       patience), base.SNAPSHOT, None)
            except snapshots.Impossible as exc:
                reason = exc.reason
            if mode == base.SNAPSHOT:
                raise base.ShareError(
                    reason or f'The type of share {share["id"]} does not '
                              f'allow mounting a snapshot or creating a share '
                              f'from one.')
            leftovers.Leftovers(self._manila, share['id'],
                                ownership.Mine(job)).begin_removal(patience)
        key = access.to_share(self._manila, share['id'], grantee, job,
                              patience)
        return (snapshots.Mountable(self._manila.exports(share['id']), key),
                base.LIVE, reason)

    def release(self, share, job, progress=None):
        # A worker has other things to do than to wait for it.
        manila = self._manila if progress else self._short
        _undo(manila, share.id, job, self._patience(progress), True)

    def _patience(self, progress):
        timeout = self._options['wait_timeout']
        return waiting.Patience(
            timeout if progress else min(timeout, _PATIENCE),
            self._options['wait_interval'], progress)

    def _grantee(self, share):
        type_ = self._options['access_type']
        if type_ == 'auto':
            type_ = ('cephx' if share['share_proto'].upper() == 'CEPHFS'
                     else 'ip')
        return access.Grantee(type_, self._options[
            'cephx_user' if type_ == 'cephx' else 'access_to'])


def _described(found, status=None, share=None):
    """A share of Manila's, for requests.

    :param status: str, what counts as its status.
    :param share: the same for policies.
    """
    status = status or found['status']
    return base.Description(
        found['id'], found['project_id'], status, status in _CHANGING,
        found['size'], found['share_proto'], found.get('name'),
        found.get('availability_zone'), share)


def _share(found):
    """A share of Manila's, for policies."""
    return assignments.Share(
        found['id'], found['project_id'], found.get('name'),
        frozenset(filter(None, (found.get('share_type'),
                                found.get('share_type_name')))),
        dict(found.get('metadata') or {}),
        datetime.datetime.fromisoformat(found['created_at']))


def _undo(manila, share_id, job, patience, over):
    left = leftovers.Leftovers(manila, share_id, ownership.UpTo(job))
    left.remove_uses(patience)
    if over:
        left.remove_protection(patience)
