# SPDX-License-Identifier: Apache-2.0
"""A backup policy with its assignments, as a resource of Heat."""

import json

from heat.common import exception
from heat.engine import attributes
from heat.engine import constraints
from heat.engine import properties
from heat.engine import resource
from heat.engine import translation
from openstack import exceptions

from manila_backup_heat import client
from manila_backup_heat import shapes

#: Where it is kept which assignments are the resource's own.
_DATA = 'assignments'

#: What of a change may delete backups right away.
_DELETING = ('retention', 'timezone')

_CONSTRAINT = constraints.CustomConstraint


class ShareBackupPolicy(resource.Resource):
    """Policy that has backups made at times, and keeps so many of them.

    The backups that it has made stay when it is deleted.
    """

    default_client_name = client.NAME

    PROPERTIES = (
        NAME, DESCRIPTION, ENABLED, IS_PUBLIC, TIMEZONE, RULES, RETENTION,
        CONFIRM_DELETIONS, ASSIGNMENTS,
    ) = (
        'name', 'description', 'enabled', 'is_public', 'timezone', 'rules',
        'retention', 'confirm_deletions', 'assignments',
    )

    _RULE = (
        RULE_NAME, RULE_CRON, RULE_TIMEZONE, RULE_START_WINDOW, RULE_JITTER,
        RULE_BACKUP_TYPE, RULE_BACKUP_OPTIONS, RULE_NAME_TEMPLATE,
    ) = (
        'name', 'cron', 'timezone', 'start_window', 'jitter', 'backup_type',
        'backup_options', 'name_template',
    )

    _KINDS = (
        SHARE, SHARE_TYPE, METADATA, PROJECT,
    ) = (
        'share', 'share_type', 'metadata', 'project',
    )

    PROJECT_ID, MANDATORY = 'project_id', 'mandatory'

    ATTRIBUTES = (
        PROJECT_ID_ATTR, RULES_ATTR, RETENTION_ATTR, ASSIGNMENTS_ATTR,
        NEXT_RUN_AT, CREATED_AT, UPDATED_AT,
    ) = (
        'project_id', 'rules', 'retention', 'assignments', 'next_run_at',
        'created_at', 'updated_at',
    )

    properties_schema = {
        NAME: properties.Schema(
            properties.Schema.STRING,
            'Name of the policy.',
            update_allowed=True,
            constraints=[constraints.Length(min=1, max=255)],
        ),
        DESCRIPTION: properties.Schema(
            properties.Schema.STRING,
            'Description of the policy.',
            update_allowed=True,
            constraints=[constraints.Length(max=255)],
        ),
        ENABLED: properties.Schema(
            properties.Schema.BOOLEAN,
            'Whether it makes and deletes backups.',
            default=True,
            update_allowed=True,
        ),
        IS_PUBLIC: properties.Schema(
            properties.Schema.BOOLEAN,
            'Whether all projects see it; for administrators.',
            default=False,
            update_allowed=True,
        ),
        TIMEZONE: properties.Schema(
            properties.Schema.STRING,
            'Time zone of its retention, and of rules that have none of '
            'their own.',
            default='UTC',
            update_allowed=True,
            constraints=[_CONSTRAINT('timezone')],
        ),
        RULES: properties.Schema(
            properties.Schema.LIST,
            'When backups are made.',
            default=[],
            update_allowed=True,
            constraints=[constraints.Length(max=20)],
            schema=properties.Schema(properties.Schema.MAP, schema={
                RULE_NAME: properties.Schema(
                    properties.Schema.STRING,
                    'Name of the rule. One that keeps its name stays the '
                    'same rule.',
                    required=True,
                    constraints=[constraints.Length(min=1, max=255)],
                ),
                RULE_CRON: properties.Schema(
                    properties.Schema.STRING,
                    'Cron expression of five fields.',
                    required=True,
                    constraints=[_CONSTRAINT('cron_expression')],
                ),
                RULE_TIMEZONE: properties.Schema(
                    properties.Schema.STRING,
                    'Time zone of that, if it is not that of the policy.',
                    constraints=[_CONSTRAINT('timezone')],
                ),
                RULE_START_WINDOW: properties.Schema(
                    properties.Schema.INTEGER,
                    'Seconds in which a backup may begin.',
                    constraints=[constraints.Range(min=60, max=7 * 86400)],
                ),
                RULE_JITTER: properties.Schema(
                    properties.Schema.INTEGER,
                    'Seconds over which the backups of shares are spread.',
                    constraints=[constraints.Range(min=0, max=86400)],
                ),
                RULE_BACKUP_TYPE: properties.Schema(
                    properties.Schema.STRING,
                    'Type of the backups.',
                ),
                RULE_BACKUP_OPTIONS: properties.Schema(
                    properties.Schema.MAP,
                    'Further options of the type.',
                ),
                RULE_NAME_TEMPLATE: properties.Schema(
                    properties.Schema.STRING,
                    'How the backups are named, such as "{policy} {date}".',
                    constraints=[constraints.Length(max=255)],
                ),
            }),
        ),
        RETENTION: properties.Schema(
            properties.Schema.MAP,
            'How many backups are kept of each share. All of them, if '
            'nothing is given.',
            update_allowed=True,
            schema={
                **{name: properties.Schema(
                    properties.Schema.INTEGER, text,
                    constraints=[constraints.Range(min=0, max=10000)])
                   for name, text in (
                       ('last', 'The last ones, this many.'),
                       ('hourly', 'One for each of so many hours.'),
                       ('daily', 'One for each of so many days.'),
                       ('weekly', 'One for each of so many weeks.'),
                       ('monthly', 'One for each of so many months.'),
                       ('yearly', 'One for each of so many years.'))},
                'within': properties.Schema(
                    properties.Schema.INTEGER,
                    'All up to so many seconds older than the newest.',
                    constraints=[constraints.Range(min=0,
                                                   max=36525 * 86400)]),
            },
        ),
        CONFIRM_DELETIONS: properties.Schema(
            properties.Schema.INTEGER,
            'Number of backups that a change of the retention or of the time '
            'zone may delete right away. A change that would delete another '
            'number fails, and says it.',
            update_allowed=True,
            constraints=[constraints.Range(min=0)],
        ),
        ASSIGNMENTS: properties.Schema(
            properties.Schema.LIST,
            'Which shares it is about. Each has one of share, share_type, '
            'metadata and project. Assignments that others have made stay.',
            default=[],
            update_allowed=True,
            schema=properties.Schema(properties.Schema.MAP, schema={
                SHARE: properties.Schema(
                    properties.Schema.STRING,
                    'Name or ID of a share.',
                    constraints=[_CONSTRAINT('manila_backup.share')],
                ),
                SHARE_TYPE: properties.Schema(
                    properties.Schema.STRING,
                    'Name or ID of a share type, for the shares of it.',
                ),
                METADATA: properties.Schema(
                    properties.Schema.STRING,
                    'KEY=VALUE, for the shares with that in their metadata.',
                    constraints=[constraints.AllowedPattern('[^=]+=.*')],
                ),
                PROJECT: properties.Schema(
                    properties.Schema.STRING,
                    'ID of a project, for all of its shares.',
                ),
                PROJECT_ID: properties.Schema(
                    properties.Schema.STRING,
                    'ID of the project whose shares of the type, or with '
                    'the metadata, are meant; for administrators. That of '
                    'the stack, if none is given.',
                ),
                MANDATORY: properties.Schema(
                    properties.Schema.BOOLEAN,
                    'Whether only administrators can remove it; for '
                    'administrators.',
                    default=False,
                ),
            }),
        ),
    }

    attributes_schema = shapes.schemas((
        (PROJECT_ID_ATTR, attributes.Schema.STRING,
         'Project that the policy is of.'),
        (RULES_ATTR, attributes.Schema.LIST,
         'Rules of the policy, each with when it is due next.'),
        (RETENTION_ATTR, attributes.Schema.MAP,
         'How many backups are kept.'),
        (ASSIGNMENTS_ATTR, attributes.Schema.LIST,
         'Assignments of the policy, those of others too.'),
        (NEXT_RUN_AT, attributes.Schema.STRING,
         'When the first of its rules is due next.'),
        (CREATED_AT, attributes.Schema.STRING,
         'When the policy was created.'),
        (UPDATED_AT, attributes.Schema.STRING,
         'When the policy was changed last.'),
    ))

    def translation_rules(self, properties):
        """Have names of shares replaced by their ids."""
        return [translation.TranslationRule(
            properties, translation.TranslationRule.RESOLVE,
            [self.ASSIGNMENTS, self.SHARE],
            client_plugin=self.client_plugin(), finder='find_share')]

    def validate(self):
        """Make sure that assignments say one thing each."""
        super().validate()
        # As it stands in the template: values may not be known yet.
        given = self.properties.data.get(self.ASSIGNMENTS)
        for each in given if isinstance(given, list) else ():
            if isinstance(each, dict):
                _one_of(self._KINDS, each)

    # -- creation, update and deletion -----------------------------------

    def handle_create(self):
        """Create the policy, and assign it."""
        wanted = {name: value for name, value in self._values(
            self.properties).items() if value is not None}
        if not wanted[self.IS_PUBLIC]:
            del wanted[self.IS_PUBLIC]
        policy = self.client().create_share_backup_policy(**wanted)
        self.resource_id_set(policy.id)
        self._assign(self.properties[self.ASSIGNMENTS])

    def _values(self, given):
        """Return properties of the policy itself, as the service takes them,
        of those that are given."""
        found = {name: given[name] for name in self.PROPERTIES
                 if name in given
                 and name not in (self.CONFIRM_DELETIONS, self.ASSIGNMENTS)}
        if self.NAME in found and found[self.NAME] is None:
            found[self.NAME] = self.physical_resource_name()
        if self.RULES in found:
            found[self.RULES] = [_rule(each)
                                 for each in found[self.RULES] or ()]
        if self.RETENTION in found:
            found[self.RETENTION] = _given(found[self.RETENTION])
        # So openstacksdk calls it.
        if self.ENABLED in found:
            found['is_enabled'] = found.pop(self.ENABLED)
        return found

    def needs_replace_failed(self):
        """Tell whether there is no policy that could be changed."""
        if self.resource_id is not None:
            with self.client_plugin().ignore_not_found:
                self._policy()
                return False
        return True

    def handle_update(self, json_snippet, tmpl_diff, prop_diff):
        """Change the policy, and its assignments."""
        changed = self._values(prop_diff)
        if self.DESCRIPTION in changed:
            changed[self.DESCRIPTION] = changed[self.DESCRIPTION] or ''
        confirmed = prop_diff.get(self.CONFIRM_DELETIONS,
                                  self.properties[self.CONFIRM_DELETIONS])
        if confirmed is not None and set(_DELETING) & set(changed):
            changed[self.CONFIRM_DELETIONS] = confirmed
        if changed:
            self.client().update_share_backup_policy(self.resource_id,
                                                     **changed)
        # Also after an update that failed between them.
        self._assign(prop_diff.get(self.ASSIGNMENTS,
                                   self.properties[self.ASSIGNMENTS]))

    def handle_delete(self):
        """Delete the policy."""
        if self.resource_id is not None:
            self.client().delete_share_backup_policy(self.resource_id)

    # -- assignments -----------------------------------------------------

    def _assign(self, given):
        """Have the policy be assigned as is given. What others have assigned
        it to stays.

        :param given: list of dict, as the template has them.
        """
        wanted = [self._assignment(each) for each in given or ()]
        there = {each.id: each for each in
                 self.client().share_backup_policy_assignments(
                     self.resource_id)}
        own = [(key, values) for key, values in self._own() if key in there]
        extra = [each for each in own if each[1] not in wanted]
        kept = [each for each in own if each[1] in wanted]
        missing = [each for each in wanted
                   if each not in [values for _, values in own]]
        # About the same shares there can be one: then they are without it for
        # a moment, and otherwise never.
        for each in list(extra):
            if any(_target(each[1]) == _target(other) for other in missing):
                self._unassign(each[0])
                extra.remove(each)
                del there[each[0]]
        self._keep(kept + extra)
        for values in missing:
            kept.append((self._add(values, there), values))
            self._keep(kept + extra)
        for key, _ in extra:
            self._unassign(key)
        self._keep(kept)

    def _assignment(self, given):
        """Return an assignment of the template as the service takes it."""
        kind = _one_of(self._KINDS, _given(given))
        found = {'kind': kind, 'target': given[kind]}
        if given.get(self.PROJECT_ID) is not None:
            found['project_id'] = given[self.PROJECT_ID]
        elif kind == self.PROJECT:
            # Whose shares they are, the target says already.
            found['project_id'] = given[kind]
        if given.get(self.MANDATORY):
            found['is_mandatory'] = True
        return found

    def _add(self, values, there):
        """Add an assignment.

        :param there: dict of id to what there is.
        :returns: its id; that of one that is there, where it was added and
            nobody was told.
        """
        try:
            return self.client().assign_share_backup_policy(
                self.resource_id, **values).id
        except exceptions.ConflictException:
            for each in there.values():
                if self._is(each, values):
                    return each.id
            raise

    def _is(self, assignment, values):
        """Tell whether an assignment is what is asked for."""
        # Whose a share is, is not asked for.
        project_id = (assignment.project_id if values['kind'] == self.SHARE
                      else values.get('project_id', self.context.project_id))
        return (assignment.kind, assignment.target, assignment.project_id,
                assignment.is_mandatory) == (
                    values['kind'], values['target'], project_id,
                    values.get('is_mandatory', False))

    def _unassign(self, assignment_id):
        self.client().unassign_share_backup_policy(self.resource_id,
                                                   assignment_id)

    def _own(self):
        """Return the assignments that are the resource's own, as list of
        [id, what was asked for]."""
        return json.loads(self.data().get(_DATA) or '[]')

    def _keep(self, own):
        self.data_set(_DATA, json.dumps(own, sort_keys=True))

    # -- looks -----------------------------------------------------------

    def handle_check(self):
        """Make sure that the policy is there, and assigned as it was."""
        self._policy()
        there = {each.id for each in
                 self.client().share_backup_policy_assignments(
                     self.resource_id)}
        self._verify_check_conditions([
            {'attr': f'assignment to {values["kind"]} {values["target"]}',
             'expected': True, 'current': key in there}
            for key, values in self._own()])

    def _policy(self):
        return self.client().get_share_backup_policy(self.resource_id)

    def _show_resource(self):
        return shapes.as_dict(self._policy())

    def parse_live_resource_data(self, resource_properties, resource_data):
        """Return what the policy is, as the template would have it."""
        found = super().parse_live_resource_data(resource_properties,
                                                 resource_data)
        found[self.RETENTION] = {
            name: value for name, value in found[self.RETENTION].items()
            if value} or None
        # Of a rule the service also tells what the template leaves to it.
        known = {each[self.RULE_NAME]: each for each in
                 resource_properties.get(self.RULES) or ()}
        found[self.RULES] = [
            {name: rule[name] if known.get(rule['name'], {}).get(name)
             is not None else None for name in self._RULE}
            for rule in found[self.RULES]]
        return found

    def _resolve_attribute(self, name):
        if self.resource_id is None:
            return None
        if name == self.ASSIGNMENTS_ATTR:
            return [shapes.as_dict(each) for each in
                    self.client().share_backup_policy_assignments(
                        self.resource_id)]
        policy = self._policy()
        if name == self.NEXT_RUN_AT:
            return min((rule['next_run_at'] for rule in policy.rules
                        if rule['next_run_at']), default=None)
        return getattr(policy, name)


def _given(found):
    """Return a map without what is not given in it."""
    return {name: value for name, value in (found or {}).items()
            if value is not None}


def _rule(given):
    """Return a rule of the template as the service takes it."""
    found = _given(given)
    if found.get('backup_options') is not None:
        found['backup_options'] = shapes.strings(found['backup_options'])
    return found


def _one_of(kinds, given):
    """Return which of some keys a map has.

    :raises heat.common.exception.StackValidationFailed: it has none of them,
        or several.
    """
    found = [each for each in kinds if each in given]
    if len(found) != 1:
        raise exception.StackValidationFailed(
            message=f'An assignment must have one of {", ".join(kinds)}; '
                    f'this one has {", ".join(found) or "none"}.')
    return found[0]


def _target(assignment):
    """Return what there can be one assignment of."""
    return tuple(assignment.get(name)
                 for name in ('kind', 'target', 'project_id'))
