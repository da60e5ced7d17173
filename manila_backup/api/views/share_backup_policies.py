# SPDX-License-Identifier: Apache-2.0
"""Backup policies, and the coverage by them, as callers see them."""

from manila_backup.api.views import common
from manila_backup.plans import assignments as plans
from manila_backup.plans import retention
from manila_backup import states


def details(rows, rules):
    """Rows in full.

    :param rules: dict of policy's id to the rows of its rules.
    """
    timestamp = common.timestamp
    return [{
        'id': row.id,
        'name': row.name,
        'description': row.description,
        'project_id': row.project_id,
        'user_id': row.user_id,
        'is_public': row.is_public,
        'enabled': row.enabled,
        'timezone': row.timezone,
        'rules': [_rule(each) for each in rules[row.id]],
        'retention': numbers(row.retention),
        'created_at': timestamp(row.created_at),
        'updated_at': timestamp(row.updated_at),
    } for row in rows]


def _rule(row):
    return {
        'id': row.id,
        'name': row.name,
        'cron': row.cron,
        'timezone': row.timezone,
        'start_window': row.start_window,
        'jitter': row.jitter,
        'backup_type': row.backup_type,
        'backup_options': row.backup_options,
        'name_template': row.name_template,
        'next_run_at': common.timestamp(row.next_at),
    }


def numbers(found):
    """A retention with all rules that there are.

    :param found: dict of rule to number.
    """
    return {name: found.get(name) or 0 for name in retention.RULES}


def assignment(row):
    """An assignment of a policy."""
    return {
        'id': row.id,
        'policy_id': row.policy_id,
        'kind': row.kind,
        'target': row.target,
        'project_id': (None if row.scope == plans.EVERYWHERE
                       else row.scope),
        'mandatory': row.mandatory,
        'user_id': row.user_id,
        'created_at': common.timestamp(row.created_at),
    }


def run(row):
    """A run of a policy."""
    # A worker is about to end it so.
    is_skipped = row.withdrawn and row.status == states.Run.DUE
    return {
        'id': row.id,
        'policy_id': row.policy_id,
        'rule_id': row.rule_id,
        'share_id': row.share_id,
        'project_id': row.project_id,
        'due_at': common.timestamp(row.due_at),
        'status': str(states.Run.SKIPPED) if is_skipped else row.status,
        'reason': row.reason,
        'backup_id': row.backup_id,
        'ended_at': common.timestamp(row.ended_at),
    }


def outcome(found):
    """Decisions of a retention about one share.

    :param found: a :class:`manila_backup.requests.retention.Outcome`.
    """
    return {
        'share_id': found.share_id,
        'orphaned': found.orphaned,
        'backups': [{
            'id': each.item.id if each.item.id in found.names else None,
            'name': found.names.get(each.item.id),
            'due_at': common.timestamp(each.item.due_at),
            'keep': each.kept,
            'rules': [{'rule': rule, 'period': period}
                      for rule, period in each.rules.items()],
        } for each in found.decisions],
    }


def covered(found):
    """Coverage of one share.

    :param found: a :class:`manila_backup.requests.coverage.Covered`.
    """
    good = found.last_good
    return {
        'share_id': found.share.id,
        'share_name': found.share.name,
        'project_id': found.share.project_id,
        'protected': found.is_protected,
        'policies': [{'id': each.id, 'name': each.name}
                     for each in found.policies],
        'last_good_backup': good and {
            'id': good.id, 'name': good.name,
            'created_at': common.timestamp(good.created_at),
            'due_at': common.timestamp(good.due_at)},
        'next_run_at': common.timestamp(found.next_at),
        'objective': found.objective,
    }
