# SPDX-License-Identifier: Apache-2.0
"""Access to what is to be mounted: the least that will do."""

import dataclasses

from manila_backup.shares import base
from manila_backup.shares.manila import client
from manila_backup.shares.manila import ownership

_ACTIVE = 'active'
_GOING = ('queued_to_deny', 'denying')


@dataclasses.dataclass(frozen=True)
class Grantee:
    """Client that is given access: an address or a CephX user.

    :ivar type: str, ``ip`` or ``cephx``.
    :ivar to: str, the address or the user.
    """

    type: str
    to: str


def to_share(manila, share_id, grantee, job, patience):
    """Have access to a share: by a rule that is there already, or one that
    bears the job's mark.

    :returns: str, the key that goes with it, or None.
    :raises ShareError: it can't be had.
    """
    level = 'ro' if job.read_only else 'rw'
    rule = _existing(manila, share_id, grantee, level, job)
    if rule is None:
        patience.check()
        rule = _grant(manila, share_id, grantee, level, job)
    mine = _is_mine(rule, job)
    if mine:
        _lock(manila, rule['id'], grantee, job)

    def active():
        for each in manila.rules(share_id):
            if each['id'] == rule['id']:
                return _settled(each, f'share {share_id}')
        raise base.ShareError(
            f'The access rule {rule["id"]} for share {share_id} was removed '
            f'before it could be used.', retryable=True)

    return patience.until(f'Access to share {share_id}',
                          active).get('access_key')


def to_snapshot(manila, snapshot_id, grantee, patience):
    """Have access to a snapshot that this service has made."""
    def found():
        return [each for each in manila.snapshot_rules(snapshot_id)
                if (each['access_type'], each['access_to'])
                == (grantee.type, grantee.to)]

    if not found():
        patience.check()
        manila.allow_snapshot(snapshot_id, grantee.type, grantee.to)
    patience.until(f'Access to snapshot {snapshot_id}', lambda: any(
        _settled(each, f'snapshot {snapshot_id}') for each in found()))


def _existing(manila, share_id, grantee, level, job):
    """A rule for the same grantee, or None.

    :raises ShareError: there is one that will not do, and it is somebody
        else's.
    """
    for rule in manila.rules(share_id):
        if (rule['access_type'], rule['access_to']) != (grantee.type,
                                                        grantee.to):
            continue
        if _is_mine(rule, job):
            return rule
        if rule['state'] in _GOING:
            raise base.ShareError(
                f'The access rule {rule["id"]} of share {share_id} for '
                f'{grantee.to} is being removed.', retryable=True)
        if level == 'rw' and rule['access_level'] != 'rw':
            raise base.ShareError(
                f'Share {share_id} has the access rule {rule["id"]} for '
                f'{grantee.to}, which is read-only, and there can be no '
                f'other. Remove it to restore to that share.')
        return rule
    return None


def _grant(manila, share_id, grantee, level, job):
    try:
        return manila.allow(share_id, grantee.type, grantee.to, level,
                            {ownership.KEY: ownership.of(job)})
    except client.Refused:
        # It is there if the answer to a former request was lost.
        for rule in manila.rules(share_id):
            if _is_mine(rule, job):
                return rule
        raise


def _is_mine(rule, job):
    return ownership.Mine(job)((rule.get('metadata') or {}).get(ownership.KEY))


def _lock(manila, rule_id, grantee, job):
    """Keep the share's owner from removing the rule while it is used, and
    from seeing its key. Manila removes the locks with the rule."""
    if not manila.has(client.NEWEST):
        return
    there = {each['resource_action'] for each in manila.locks(rule_id)}
    for action in ('delete', *(['show'] if grantee.type == 'cephx' else [])):
        if action not in there:
            manila.lock('access_rule', rule_id, action,
                        f'A share backup uses it ({ownership.of(job)}).')


def _settled(rule, what):
    if rule['state'] == 'error':
        raise base.ShareError(
            f'Manila could not apply the access rule {rule["id"]} to {what}.',
            retryable=True)
    return rule['state'] == _ACTIVE and rule
