# SPDX-License-Identifier: Apache-2.0
"""Requests about backup policies."""

import datetime

from oslo_db import exception as db_exc
from oslo_utils import uuidutils

from manila_backup.db import backup_runs as db_runs
from manila_backup.db import clock
from manila_backup.db import plans as db_plans
from manila_backup.db import quotas as db_quotas
from manila_backup.db import rows
from manila_backup.db import shares as db_shares
from manila_backup.db import transitions
from manila_backup import exception
from manila_backup.plans import assignments as plans
from manila_backup.plans import names
from manila_backup.plans import schedule
from manila_backup.requests import common
from manila_backup import states
from manila_backup import wording

_POLICY = 'Share backup policy'
_Run = states.Run

#: Seconds, of a rule that does not say otherwise.
START_WINDOW = 8 * 3600

#: What a rule has beside its name and the columns of its own.
_RULE_DEFAULTS = {'start_window': START_WINDOW, 'jitter': 0,
                  'backup_type': None, 'backup_options': None,
                  'name_template': None}

_AT_ONCE = exception.Conflict(
    'The policy is being changed by another request.')


class Plans:
    """The requests about backup policies.

    Policies are found by their projects; what other callers may do with those
    that they see is for them to ask first.

    :param conf: the configuration.
    :param database: a :class:`manila_backup.db.engine.Database`.
    :param backups: a :class:`~.backups.Backups`.
    :param shares: a :class:`~.plan_shares.PlanShares`.
    :param retention: a :class:`~.retention.Retention`.
    """

    def __init__(self, conf, database, backups, shares, retention):
        self._conf = conf
        self._database = database
        self._backups = backups
        self._shares = shares
        self._retention = retention

    # -- create ----------------------------------------------------------

    def create(self, context, values):
        """Make a policy.

        :param values: dict with ``name``, and perhaps ``description``,
            ``is_public``, ``enabled``, ``timezone``, ``retention`` and
            ``rules``: a list of dicts.
        :returns: the policy's row.
        """
        values = {'timezone': 'UTC', 'enabled': True, 'is_public': False,
                  'retention': {}, 'description': None, **values}
        rules = values.pop('rules', [])
        self._check(values, rules)
        policy_id = uuidutils.generate_uuid()

        def write(conn):
            db_quotas.lock(conn, context.project_id)
            count = db_plans.count_own(conn, context.project_id)
            common.check_quota(conn, self._conf.quota, context.project_id,
                               backup_policies=(count, 1))
            rows.insert(conn, db_plans.TABLE, id=policy_id,
                        project_id=context.project_id,
                        user_id=context.user_id, version=1,
                        **dict(values, retention=_numbers(
                            values['retention'])))
            self._put_rules(conn, policy_id, rules, values['enabled'],
                            values['timezone'])
            return db_plans.get_own(conn, policy_id)

        return self._database.write(write)

    def _check(self, values, rules):
        """Raise InvalidInput unless a policy makes sense."""
        if 'timezone' in values:
            schedule.zone(values['timezone'])
        seen = set()
        for index, rule in enumerate(rules):
            try:
                self._check_rule(rule, values)
            except exception.InvalidInput as exc:
                raise exception.InvalidInput(
                    f'rules.{index}.{exc}') from exc
            # Spaces at the end are all that MariaDB does not tell apart.
            name = rule['name'].rstrip(' ')
            if name in seen:
                raise exception.InvalidInput(
                    f'rules.{index}.name: there are two rules of the name '
                    f'{name!r}.')
            seen.add(name)

    def _check_rule(self, rule, values):
        found = schedule.Schedule(
            rule['cron'], rule.get('timezone') or values['timezone'])
        least = datetime.timedelta(seconds=self._conf.policies.min_interval)
        if found.min_interval() < least:
            raise exception.InvalidInput(
                f'cron: {rule["cron"]!r} is due again after '
                f'{_seconds(found.min_interval())} seconds; at least '
                f'{_seconds(least)} must be in between.')
        names.check(rule.get('name_template'))
        rule['backup_type'], _ = self._backups.check_options(
            {**(rule.get('backup_options') or {}),
             'backup_type': rule.get('backup_type')})

    def _put_rules(self, conn, policy_id, rules, enabled, timezone):
        """Have a policy have these rules, and no others: one of the same name
        stays the same one."""
        now = clock.now(conn)
        old = {row.name: row for row in db_plans.rules_of(
            conn, [policy_id])[policy_id]}
        new = {rule['name']: rule for rule in rules}
        for row in sorted(old.values(), key=lambda each: each.id):
            if row.name not in new:
                rows.delete(conn, db_plans.RULES, row.id)
            else:
                values = _rule_values(new[row.name], timezone)
                if (values['cron'], values['timezone']) != (
                        row.cron, row.timezone) or not row.next_at:
                    values.update(_timing(values, now, enabled))
                rows.update(conn, db_plans.RULES, row.id, values)
        for name, rule in new.items():
            if name not in old:
                values = _rule_values(rule, timezone)
                rows.insert(conn, db_plans.RULES,
                            id=uuidutils.generate_uuid(),
                            policy_id=policy_id, name=name,
                            **values, **_timing(values, now, enabled))

    # -- update and delete -----------------------------------------------

    def update(self, context, policy_id, values, confirmed=None):
        """Change a policy.

        :param values: dict, as of :meth:`create`; what is not in it stays.
        :param confirmed: int, the number of backups that its retention would
            delete right away, as :meth:`simulate` told it.
        :returns: the policy's row.
        :raises manila_backup.exception.Conflict: it would delete others than
            that.
        """
        policy = self._database.read(self._get, context, policy_id)
        values = dict(values)
        rules = values.pop('rules', None)
        if 'retention' in values:
            values['retention'] = _numbers(values['retention'])
        merged = {name: values.get(name, getattr(policy, name))
                  for name in ('timezone', 'enabled', 'retention')}
        self._check(merged, rules or [])
        if {'retention', 'timezone'} & set(values):
            self._confirm(policy, merged, confirmed)

        def write(conn):
            self._get(conn, context, policy_id, lock=True)
            if not rows.update(conn, db_plans.TABLE, policy_id,
                               {**values, 'version': policy.version + 1},
                               version=policy.version):
                raise _AT_ONCE
            if rules is not None:
                self._put_rules(conn, policy_id, rules, merged['enabled'],
                                merged['timezone'])
            else:
                self._move_rules(conn, policy, merged)
            if 'enabled' in values and values['enabled'] != policy.enabled:
                self._set_timing(conn, policy_id, values['enabled'])
            return db_plans.get_own(conn, policy_id)

        return self._database.write(write)

    @staticmethod
    def _move_rules(conn, policy, merged):
        """Have the rules in the time zone that a policy had be due by the one
        that it has now."""
        zone = merged['timezone']
        if zone == policy.timezone:
            return
        now = clock.now(conn)
        for row in sorted(db_plans.rules_of(conn, [policy.id])[policy.id],
                          key=lambda each: each.id):
            if row.timezone == policy.timezone:
                rows.update(conn, db_plans.RULES, row.id, {
                    'timezone': zone, **_timing(
                        {'cron': row.cron, 'timezone': zone}, now,
                        merged['enabled'])})

    def _confirm(self, policy, merged, confirmed):
        count = self._retention.count_deletions(
            policy, [], merged['retention'], merged['timezone'])
        if count and count != confirmed:
            raise exception.Conflict(
                f'With this retention {wording.counted(count, "backup")} '
                f'would be deleted right away. Look at what the action '
                f'simulate says about it, and then repeat the request with '
                f'confirm_deletions: {count}.')

    def enable(self, context, policy_id, enabled):
        """Let a policy make and delete backups, or not for the time
        being."""
        def write(conn):
            policy = self._get(conn, context, policy_id, lock=True)
            if policy.enabled == enabled:
                return
            rows.update(conn, db_plans.TABLE, policy_id,
                        {'enabled': enabled, 'version': policy.version + 1})
            self._set_timing(conn, policy_id, enabled)

        self._database.write(write)

    def _set_timing(self, conn, policy_id, enabled):
        now = clock.now(conn)
        for rule in sorted(db_plans.rules_of(conn, [policy_id])[policy_id],
                           key=lambda each: each.id):
            rows.update(conn, db_plans.RULES, rule.id,
                        _timing(rule._mapping, now, enabled))
        if not enabled:
            db_runs.withdraw(conn, policy_id, now, 'The policy was disabled.')

    def delete(self, context, policy_id):
        """Remove a policy; the backups that it has made stay."""
        def write(conn):
            self._get(conn, context, policy_id, lock=True)
            # In the order of locks: the policy is held by now, its runs come
            # last.
            db_plans.delete(conn, policy_id)
            db_runs.withdraw(conn, policy_id, clock.now(conn),
                             'The policy was deleted.')

        self._database.write(write)

    # -- assignments -----------------------------------------------------

    def assign(self, context, policy_id, kind, target, scope,
               mandatory=False):
        """Have a policy be about more shares.

        :param kind: one of :data:`manila_backup.plans.assignments.KINDS`.
        :param target: str.
        :param scope: str, the project whose shares it is about, or
            :data:`manila_backup.plans.assignments.EVERYWHERE`.
        :param mandatory: bool, whether only administrators can remove it.
        :returns: the assignment's row.
        """
        assignment_id = uuidutils.generate_uuid()
        target, scope = self._target(kind, target, scope)

        def write(conn):
            if db_plans.get_own(conn, policy_id, lock=True) is None:
                raise exception.NotFound(_POLICY, policy_id)
            rows.insert(conn, db_plans.ASSIGNMENTS, id=assignment_id,
                        policy_id=policy_id, kind=kind, target=target,
                        scope=scope, mandatory=mandatory,
                        user_id=context.user_id, created_at=clock.now(conn))
            return db_plans.get_assignment(conn, policy_id, assignment_id)

        try:
            return self._database.write(write)
        except db_exc.DBDuplicateEntry as exc:
            raise exception.Conflict(
                f'The policy is assigned to that {kind} already.') from exc

    def _target(self, kind, target, scope):
        """Return the target and the scope in the form that they are stored
        in."""
        if kind == plans.METADATA:
            if not plans.pair(target)[0] or '=' not in target:
                raise exception.InvalidInput(
                    'target: of an assignment to shares with metadata it '
                    'must be KEY=VALUE.')
        elif kind == plans.SHARE:
            target = target.lower()
            project_id = self._backups.project_of(target)
            if project_id is None or scope not in (plans.EVERYWHERE,
                                                   project_id):
                raise exception.InvalidInput(
                    f'target: share {target} could not be found.')
            scope = project_id
        elif kind == plans.PROJECT:
            if scope not in (plans.EVERYWHERE, target):
                raise exception.InvalidInput(
                    'target: it must be the id of your project.')
            scope = target
        elif kind == plans.SHARE_TYPE and self._shares.are_local:
            found = self._database.read(db_shares.get_type, target)
            if found is None:
                raise exception.InvalidInput(
                    f'target: share type {target} could not be found.')
            target = found.id
        return target, scope

    def unassign(self, policy_id, assignment_id):
        """Have a policy be about fewer shares; the backups that it has made
        stay."""
        kept = [each for each in self._database.read(
            db_plans.assignments_of, [policy_id])[policy_id]
            if each.id != assignment_id]
        left = {share.id for share in self._shares.under(kept)}

        def write(conn):
            if not rows.delete(conn, db_plans.ASSIGNMENTS, assignment_id,
                               policy_id=policy_id):
                raise exception.NotFound('Assignment', assignment_id)
            db_runs.withdraw(conn, policy_id, clock.now(conn),
                             plans.NO_LONGER_ASSIGNED, left)

        self._database.write(write)

    # -- runs ------------------------------------------------------------

    def run_now(self, policy_id, rule_name=None, scope=None, share_id=None):
        """Have runs due right now.

        :param rule_name: str, the rule to run; None for the only one.
        :param scope: str, the project whose shares it is about; None for
            all.
        :param share_id: str, to do so for that share only.
        :returns: int, how many.
        """
        policy = self._database.read(db_plans.get_own, policy_id)
        if policy is None:
            raise exception.NotFound(_POLICY, policy_id)
        if not policy.enabled:
            raise exception.Conflict('The policy is disabled: enable it '
                                     'first.')
        rule = self._rule(policy_id, rule_name)
        shares = [each for each in self._shares.under(self._database.read(
            db_plans.assignments_of, [policy_id])[policy_id])
            if scope in (None, each.project_id)
            and share_id in (None, each.id)]
        if not shares:
            raise exception.InvalidInput(
                'The policy applies to no share of yours: assign it first.')

        def write(conn):
            now = clock.now(conn)
            transitions.create_all(conn, db_runs.TABLE, _Run.DUE, [
                {'id': uuidutils.generate_uuid(), 'policy_id': policy_id,
                 'rule_id': rule.id, 'share_id': share.id,
                 'project_id': share.project_id, 'due_at': now,
                 'start_at': now, 'start_until': now + datetime.timedelta(
                     seconds=rule.start_window)} for share in shares])

        self._database.write(write)
        return len(shares)

    def _rule(self, policy_id, name):
        found = self._database.read(db_plans.rules_of, [policy_id])[policy_id]
        chosen = [each for each in found if name in (None, each.name)]
        if len(chosen) == 1:
            return chosen[0]
        raise exception.InvalidInput(
            f'rule: it must be the name of one of the policy\'s rules: '
            f'{", ".join(each.name for each in found) or "it has none"}.')

    def _get(self, conn, context, policy_id, lock=False):
        policy = db_plans.get_own(conn, policy_id, context.scope, lock)
        if policy is None:
            raise exception.NotFound(_POLICY, policy_id)
        return policy


def _rule_values(rule, timezone):
    """The columns of a rule, without its name and its times."""
    values = {**_RULE_DEFAULTS, **rule}
    del values['name']
    values['cron'] = ' '.join(values['cron'].split())
    values['timezone'] = values.get('timezone') or timezone
    values['backup_options'] = values['backup_options'] or {}
    return values


def _timing(rule, now, enabled):
    """The columns of a rule by which it begins anew: what was due before is
    none of its."""
    found = schedule.Schedule(rule['cron'], rule['timezone'])
    return {'begun_at': now, 'planned_until': now,
            'next_at': found.next(now) if enabled else None}


def _numbers(retention):
    """A retention without the rules that it does not have."""
    return {name: number for name, number in (retention or {}).items()
            if number}


def _seconds(delta):
    return int(delta.total_seconds())
