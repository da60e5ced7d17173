# SPDX-License-Identifier: Apache-2.0
"""Backup policies."""

import functools

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api import request
from manila_backup.api.schemas import share_backup_policies as schemas
from manila_backup.api.schemas import types
from manila_backup.api.views import common as common_views
from manila_backup.api.views import share_backup_policies as views
from manila_backup.db import backup_runs
from manila_backup.db import plans as db_plans
from manila_backup import exception
from manila_backup.plans import assignments
from manila_backup.plans import retention
from manila_backup.policies import share_backup_policies as policies

WHAT = 'Share backup policy'
PATH = '/share-backup-policies'

#: Of how many shares simulate lists the backups, unless it is told.
_SHARES = 20

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT,
                               extension=extension.POLICIES)


@_operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """Backup policies of the project, public ones, and those that are
    assigned to its shares."""
    project_id = common.list_scope(req, params)
    return 200, common.listed(
        req, PATH, params, 'share_backup_policies', schemas.SORT_KEYS,
        lambda rows: _views(req, rows), db_plans.get,
        lambda conn, **cut: db_plans.list_page(conn, project_id, params,
                                               **cut),
        lambda conn: db_plans.count_all(conn, project_id, params))


@_operation(policies.GET)
def show(req, policy_id):
    """One backup policy."""
    return 200, _one(req, _visible(req, policy_id))


@_operation(policies.CREATE, body=schemas.CREATE)
def create(req, document):
    """Create a backup policy."""
    values = _values(req, document[schemas.RESOURCE])
    return 200, _one(req, req.services.admission.plans.create(req.context,
                                                              values))


@_operation(policies.UPDATE, body=schemas.UPDATE)
def update(req, policy_id, document):
    """Change a backup policy."""
    policy_id = _target(req, policies.UPDATE, policy_id)
    asked = dict(document[schemas.RESOURCE])
    confirmed = asked.pop('confirm_deletions', None)
    row = req.services.admission.plans.update(
        req.context, policy_id, _values(req, asked), confirmed)
    return 200, _one(req, row)


@_operation(policies.DELETE)
def delete(req, policy_id):
    """Delete a backup policy; the backups that it has made stay."""
    policy_id = _target(req, policies.DELETE, policy_id)
    req.services.admission.plans.delete(req.context, policy_id)
    return 204, None


# -- assignments ---------------------------------------------------------

@_operation(policies.GET)
def list_assignments(req, policy_id):
    """Assignments of a backup policy to shares of the project."""
    row = _visible(req, policy_id)
    found = req.services.database.read(
        db_plans.assignments_of, [row.id], req.scope)[row.id]
    return 200, {'assignments': [views.assignment(each) for each in found]}


@_operation(policies.ASSIGN, body=schemas.ASSIGN)
def assign(req, policy_id, document):
    """Assign a backup policy to shares."""
    row = _visible(req, policy_id)
    asked = document['assignment']
    scope = asked.get('project_id', req.context.project_id)
    scope = assignments.EVERYWHERE if scope is None else scope
    mandatory = types.boolean(asked.get('mandatory', False))
    if scope != req.context.project_id:
        req.authorize(policies.ASSIGN_ALL_PROJECT)
    if mandatory:
        req.authorize(policies.MANDATE)
    found = req.services.admission.plans.assign(
        req.context, row.id, asked['kind'], asked['target'], scope,
        mandatory)
    return 200, {'assignment': views.assignment(found)}


@_operation(policies.ASSIGN)
def unassign(req, policy_id, assignment_id):
    """Remove an assignment of a backup policy."""
    row = _visible(req, policy_id)
    found = req.services.database.read(
        db_plans.get_assignment, row.id, request.uuid(assignment_id))
    if found is None or (req.scope is not None and found.scope not in (
            req.scope, assignments.EVERYWHERE)):
        raise exception.NotFound('Assignment', assignment_id)
    if found.scope != req.context.project_id:
        req.authorize(policies.ASSIGN_ALL_PROJECT)
    if found.mandatory:
        req.authorize(policies.MANDATE)
    req.services.admission.plans.unassign(row.id, found.id)
    return 204, None


# -- runs and actions ----------------------------------------------------

@_operation(policies.GET, query=schemas.RUNS)
def list_runs(req, policy_id, params):
    """Runs of a backup policy for shares of the project, newest first."""
    row = _visible(req, policy_id)
    limit = common.limit_of(req, params)
    marker = params.pop('marker', None)
    with_count = params.pop('with_count', False)

    def query(conn):
        last = marker and backup_runs.get_of_policy(conn, row.id, marker,
                                                    req.scope)
        if marker and not last:
            raise faults.bad_request(
                f'marker: {marker} could not be found.')
        return (backup_runs.list_page(conn, row.id, req.scope, marker=last,
                                      limit=limit + 1 if limit else 0,
                                      **params),
                backup_runs.count_all(conn, row.id, req.scope, **params)
                if with_count else None)

    found, count = req.services.database.read(query)
    body = {'runs': [views.run(each) for each in found[:limit]]}
    if len(found) > limit and extension.includes(req.extension,
                                                 extension.RUNS):
        body.update(common_views.next_links(
            req, f'{PATH}/{row.id}/runs', 'runs', limit,
            marker=found[limit - 1].id))
    if with_count:
        body['count'] = count
    return 200, body


@_operation(policies.UPDATE, body=schemas.ENABLE)
def enable(req, policy_id, document):
    """Have a backup policy make and delete backups again."""
    return _enable(req, policy_id, True)


@_operation(policies.UPDATE, body=schemas.DISABLE)
def disable(req, policy_id, document):
    """Have a backup policy make and delete no backups for the time being."""
    return _enable(req, policy_id, False)


def _enable(req, policy_id, enabled):
    policy_id = _target(req, policies.UPDATE, policy_id)
    req.services.admission.plans.enable(req.context, policy_id, enabled)
    return 202, None


@_operation(policies.RUN_NOW, body=schemas.RUN_NOW)
def run_now(req, policy_id, document):
    """Run a backup policy now."""
    row = _visible(req, policy_id)
    asked = document['run_now'] or {}
    count = req.services.admission.plans.run_now(
        row.id, asked.get('rule'), req.scope, _lower(asked.get('share_id')))
    return 202, {'run_now': {'runs': count}}


@_operation(policies.SIMULATE, body=schemas.SIMULATE)
def simulate(req, policy_id, document):
    """Say which backups of a backup policy would be kept, and why."""
    row = _visible(req, policy_id)
    asked = document['simulate'] or {}
    numbers = {name: number for name, number in (
        asked.get('retention', row.retention) or {}).items() if number}
    timezone = asked.get('timezone') or row.timezone
    at = _moment(asked.get('at'))
    rules = req.services.database.read(db_plans.rules_of, [row.id])[row.id]
    limit = asked.get('limit', _SHARES)
    orphaned = asked.get('orphaned')
    shares, deletions = [], 0
    for each in req.services.admission.retention.simulate(
            row, rules, numbers, timezone, at, req.scope,
            _lower(asked.get('share_id')),
            orphaned if orphaned is None else types.boolean(orphaned)):
        deletions += len(retention.deletions(each.decisions))
        if len(shares) < limit:
            shares.append(views.outcome(each))
    return 200, {'simulation': {
        'policy_id': row.id, 'at': asked.get('at'), 'timezone': timezone,
        'retention': views.numbers(numbers),
        'deletions': deletions, 'shares': shares}}


def _moment(text):
    if text is None:
        return None
    try:
        return types.moment(text)
    except ValueError as exc:
        raise faults.bad_request(f'The field simulate.at is not valid: '
                                 f'{exc}.') from exc


def _values(req, asked):
    values = dict(asked)
    for name in ('is_public', 'enabled'):
        if name in values:
            values[name] = types.boolean(values[name])
    if 'is_public' in values and (values['is_public']
                                  or req.environ['REQUEST_METHOD'] == 'PUT'):
        req.authorize(policies.PUBLISH)
    return values


def _lower(share_id):
    return share_id and share_id.lower()


def _visible(req, policy_id):
    """The row of a policy that the caller may see: one that he may change,
    a public one, or one that is about his shares."""
    return common.find(req, db_plans.get, WHAT, policy_id)


def _target(req, rule, policy_id):
    """The id of a policy that the caller may change."""
    policy_id = common.authorize_target(req, rule, db_plans.get_own, WHAT,
                                        policy_id)
    # Who may not remove its assignment may not take away what it does.
    if req.services.database.read(db_plans.is_mandatory, policy_id,
                                  req.scope):
        req.authorize(policies.MANDATE)
    return policy_id


def _views(req, rows):
    return views.details(rows, req.services.database.read(
        db_plans.rules_of, [row.id for row in rows]))


def _one(req, row):
    return {schemas.RESOURCE: _views(req, [row])[0]}


ROUTES = {
    PATH: {'GET': index, 'POST': create},
    f'{PATH}/{{policy_id}}': {'GET': show, 'PUT': update, 'DELETE': delete},
    f'{PATH}/{{policy_id}}/assignments': {'GET': list_assignments,
                                          'POST': assign},
    f'{PATH}/{{policy_id}}/assignments/{{assignment_id}}': {
        'DELETE': unassign},
    f'{PATH}/{{policy_id}}/runs': {'GET': list_runs},
    f'{PATH}/{{policy_id}}/action': {'POST': operation.Actions({
        'enable': enable, 'disable': disable, 'run_now': run_now,
        'simulate': simulate})},
}
