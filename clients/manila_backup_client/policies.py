# SPDX-License-Identifier: Apache-2.0
"""``openstack share backup policy`` and ``openstack share backup
coverage``."""

from osc_lib.command import command
from osc_lib import exceptions
from osc_lib import utils

from manila_backup_client import api
from manila_backup_client import calendars
from manila_backup_client import columns

_KEY = 'share_backup_policy'
_KEPT = ('last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly', 'within')
_UNITS = {'h': 3600, 'd': 86400, 'w': 7 * 86400}
_TARGETS = ('share', 'share_type', 'metadata', 'project')


_RUN = ('due_at', 'status', 'share_id', 'backup_id', 'reason', 'ended_at',
        'id')


def _service(app, extension='1.1'):
    return api.Api(app.client_manager.share, extension)


def _find(service, name):
    """Return a policy by its name or its id, as dict."""
    found = service.get(api.POLICIES, 'share_backup_policies', name=name)
    if len(found) > 1:
        raise exceptions.CommandError(
            f'There are {len(found)} policies of the name {name}: give the '
            f'ID of one.')
    return found[0] if found else service.get(
        f'{api.POLICIES}/{name}', _KEY)


def _shown(policy):
    """Return a policy as (headings, values)."""
    shown = dict(policy)
    shown['rules'] = '\n'.join(
        f'{each["name"]}: {each["cron"]} ({each["timezone"]})'
        for each in policy['rules'])
    shown['retention'] = _retention(policy['retention'])
    return columns.of_one(shown)


def _retention(numbers):
    return ', '.join(f'{name}={numbers[name]}' for name in _KEPT
                     if numbers[name]) or 'everything is kept'


def _pairs(words, option):
    for word in words:
        name, equals, value = word.partition('=')
        if not (name and equals and value):
            raise exceptions.CommandError(
                f'{option} {word}: it must be NAME=VALUE.')
        yield name, value


def _numbers(words):
    """Return a retention of what was given for --keep, as dict."""
    found = {}
    for name, value in _pairs(words, '--keep'):
        unit = _UNITS.get(value[-1:]) if name == 'within' else None
        number = value[:-1] if unit else value
        if name not in _KEPT or not number.isdigit():
            raise exceptions.CommandError(
                f'--keep {name}={value}: it must be one of '
                f'{", ".join(_KEPT)}, and a number; within is in seconds, or '
                f'ends with h, d or w.')
        found[name] = int(number) * (unit or 1)
    return found


def _add_contents(parser):
    parser.add_argument('--description', metavar='<text>')
    parser.add_argument(
        '--rule', metavar='<name>=<cron>', action='append',
        help='When backups are due, as a cron expression of five fields; '
             'repeat for more. They replace all that there are')
    parser.add_argument('--timezone', metavar='<zone>',
                        help='IANA name of the time zone of rules and '
                             'retention (default: UTC)')
    parser.add_argument('--start-window', metavar='<seconds>', type=int,
                        help='How long the rules\' backups are tried')
    parser.add_argument('--jitter', metavar='<seconds>', type=int,
                        help='How far the rules\' backups are spread')
    parser.add_argument('--backup-type', metavar='<driver>',
                        help='The driver of the rules\' backups')
    parser.add_argument('--name-template', metavar='<text>',
                        help='The names of the rules\' backups; {policy}, '
                             '{rule}, {date} and {time} are replaced')
    _add_keep(parser)
    for name, text in (('public', 'All projects see it (administrators '
                                  'only)'),
                       ('private', 'Only its project sees it')):
        parser.add_argument(f'--{name}', dest='public', help=text,
                            action='store_const', const=name == 'public')
    for name, text in (('enable', 'It makes and deletes backups'),
                       ('disable', 'It does not for the time being')):
        parser.add_argument(f'--{name}', dest='enabled', help=text,
                            action='store_const', const=name == 'enable')


def _add_keep(parser):
    parser.add_argument(
        '--keep', metavar='<what>=<number>', action='append',
        help=f'How many backups are kept: {", ".join(_KEPT)}; repeat for '
             f'more. They replace all that there are')


def _contents(parsed_args):
    """Return the members of a body that were given, as dict."""
    found = {'description': parsed_args.description,
             'timezone': parsed_args.timezone,
             'is_public': parsed_args.public,
             'enabled': parsed_args.enabled}
    if parsed_args.keep:
        found['retention'] = _numbers(parsed_args.keep)
    of_rules = {name: getattr(parsed_args, name) for name in (
        'start_window', 'jitter', 'backup_type', 'name_template')
        if getattr(parsed_args, name) is not None}
    if parsed_args.rule:
        found['rules'] = [
            {'name': name, 'cron': cron, **of_rules}
            for name, cron in _pairs(parsed_args.rule, '--rule')]
    elif of_rules:
        raise exceptions.CommandError(
            'Say by --rule which rules that is about.')
    return {name: value for name, value in found.items()
            if value is not None}


class _OfPolicy(command.Command):
    """A command about one policy.

    :cvar extension: the version of the extension that it needs.
    """

    extension = '1.1'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('policy', metavar='<policy>',
                            help='Name or ID of the policy')
        return parser

    def found(self, parsed_args):
        """Return the service, the policy, and the policy's path."""
        service = _service(self.app, self.extension)
        policy = _find(service, parsed_args.policy)
        return service, policy, f'{api.POLICIES}/{policy["id"]}'

    def share(self, parsed_args):
        """Return the id of the share that was given, or None."""
        if not parsed_args.share:
            return None
        return utils.find_resource(self.app.client_manager.share.shares,
                                   parsed_args.share).id


class CreatePolicy(command.ShowOne):
    """Create a backup policy"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>')
        _add_contents(parser)
        return parser

    def take_action(self, parsed_args):
        body = {'name': parsed_args.name, **_contents(parsed_args)}
        return _shown(_service(self.app).post(
            api.POLICIES, {_KEY: body})[_KEY])


class ListPolicy(command.Lister):
    """List backup policies"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--all-projects', action='store_true',
                            help='Those of all projects (administrators '
                                 'only)')
        return parser

    def take_action(self, parsed_args):
        found = _service(self.app).get(
            api.POLICIES, 'share_backup_policies',
            all_projects=parsed_args.all_projects or None)
        rows = [(each['id'], each['name'], each['enabled'],
                 each['is_public'],
                 '\n'.join(rule['cron'] for rule in each['rules']),
                 _retention(each['retention'])) for each in found]
        return ('ID', 'Name', 'Enabled', 'Public', 'Rules', 'Kept'), rows


class ShowPolicy(_OfPolicy, command.ShowOne):
    """Show a backup policy"""

    def take_action(self, parsed_args):
        _, policy, _ = self.found(parsed_args)
        return _shown(policy)


class SetPolicy(_OfPolicy):
    """Change a backup policy"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', metavar='<name>')
        _add_contents(parser)
        parser.add_argument(
            '--confirm-deletions', metavar='<number>', type=int,
            help='The number of backups that are deleted right away, as '
                 'simulate told it')
        return parser

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        body = _contents(parsed_args)
        for name in ('name', 'confirm_deletions'):
            if getattr(parsed_args, name) is not None:
                body[name] = getattr(parsed_args, name)
        service.put(path, {_KEY: body})


class DeletePolicy(_OfPolicy):
    """Delete a backup policy; the backups that it has made stay"""

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        service.delete(path)


class AssignPolicy(_OfPolicy, command.ShowOne):
    """Have a backup policy back up more shares"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument('--share', metavar='<share>',
                            help='A share (name or ID)')
        target.add_argument('--share-type', metavar='<type>',
                            help='The shares of a type (name or ID)')
        target.add_argument('--metadata', metavar='<key>=<value>',
                            help='The shares with this in their metadata')
        target.add_argument('--project', metavar='<project-id>',
                            help='All shares of a project')
        parser.add_argument('--mandatory', action='store_true',
                            help='Only administrators can remove it '
                                 '(administrators only)')
        parser.add_argument('--all-projects', action='store_true',
                            help='Those of all projects (administrators '
                                 'only)')
        return parser

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        kind = next(each for each in _TARGETS
                    if getattr(parsed_args, each))
        target = (self.share(parsed_args) if kind == 'share'
                  else getattr(parsed_args, kind))
        body = {'kind': kind, 'target': target}
        if parsed_args.mandatory:
            body['mandatory'] = True
        if parsed_args.all_projects or kind == 'project':
            body['project_id'] = (None if parsed_args.all_projects
                                  else target)
        return columns.of_one(service.post(
            f'{path}/assignments', {'assignment': body})['assignment'])


class ListAssignment(_OfPolicy, command.Lister):
    """List the shares that a backup policy is assigned to"""

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        keys = ('id', 'kind', 'target', 'project_id', 'mandatory')
        return ([columns.heading(key) for key in keys],
                [columns.row(each, keys) for each in
                 service.get(f'{path}/assignments', 'assignments')])


class UnassignPolicy(_OfPolicy):
    """Have a backup policy back up fewer shares"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('assignment', metavar='<assignment>',
                            help='ID of the assignment')
        return parser

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        service.delete(f'{path}/assignments/{parsed_args.assignment}')


class RunPolicy(_OfPolicy, command.ShowOne):
    """Run a backup policy now"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--rule', metavar='<name>',
                            help='The rule, if there are several')
        parser.add_argument('--share', metavar='<share>',
                            help='Only for this share (name or ID)')
        return parser

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        asked = {'rule': parsed_args.rule,
                 'share_id': self.share(parsed_args)}
        return columns.of_one(service.post(f'{path}/action', {'run_now': {
            name: value for name, value in asked.items() if value}})[
                'run_now'])


class ListRun(_OfPolicy, command.Lister):
    """List the runs of a backup policy, the newest first"""

    # Before, the service ignores what is asked for.
    extension = '1.4'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--status', choices=['due', 'queued', 'done', 'failed', 'missed',
                                 'skipped', 'superseded'],
            help='Only those in this status')
        parser.add_argument('--share', metavar='<share>',
                            help='Only those for this share (name or ID)')
        parser.add_argument('--since', metavar='<time>',
                            help='Only those that were due at this time, in '
                                 'ISO 8601, or later')
        parser.add_argument('--limit', metavar='<number>', type=int,
                            help='How many at the most; all of them by '
                                 'default')
        parser.add_argument('--marker', metavar='<run>',
                            help='ID of a run: only those that follow it')
        return parser

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        pages = service.pages(
            f'{path}/runs', 'runs', parsed_args.limit, parsed_args.marker,
            status=parsed_args.status, share_id=self.share(parsed_args),
            since=parsed_args.since)
        return ([columns.heading(key) for key in _RUN],
                [columns.row(each, _RUN) for page in pages
                 for each in page['runs']])


class SimulatePolicy(_OfPolicy, command.Lister):
    """Tell which backups a retention would keep, and delete nothing"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--at', metavar='<time>',
                            help='As if it were then, in ISO 8601, and until '
                                 'then all runs had gone well')
        parser.add_argument('--share', metavar='<share>',
                            help='Only for this share (name or ID)')
        parser.add_argument('--orphaned', action='store_true', default=None,
                            help='Only for shares that are deleted, or that '
                                 'the policy is not about any more')
        _add_keep(parser)
        return parser

    def take_action(self, parsed_args):
        service, _, path = self.found(parsed_args)
        asked = {'at': parsed_args.at, 'share_id': self.share(parsed_args),
                 'orphaned': parsed_args.orphaned}
        if parsed_args.keep:
            asked['retention'] = _numbers(parsed_args.keep)
        found = service.post(f'{path}/action', {'simulate': {
            name: value for name, value in asked.items()
            if value is not None}})['simulation']
        if parsed_args.formatter == 'table':
            self._draw(found)
        return (('Share', 'Orphaned', 'Due', 'Keep', 'Rules', 'Backup'),
                [(share['share_id'], share['orphaned'],
                  columns.Time(each['due_at']), each['keep'], _reasons(each),
                  columns.Plain(each['id']))
                 for share in found['shares'] for each in share['backups']])

    def _draw(self, found):
        for share in found['shares']:
            lines = calendars.draw(share['backups'], found['timezone'])
            if lines:
                print(f'Share {share["share_id"]}, days in '
                      f'{found["timezone"]}:\n', file=self.app.stdout)
                print('\n'.join(lines), file=self.app.stdout)
        print(f'{calendars.LEGEND}\n\n{_retention(found["retention"])}: '
              f'{columns.counted(found["deletions"], "backup")} would be '
              'deleted.',
              file=self.app.stdout)


def _reasons(backup):
    return ', '.join(
        each['rule'] + (f' {each["period"]}' if each['period'] else '')
        for each in backup['rules'])


class ListCoverage(command.Lister):
    """List which shares are protected by backup policies"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--unprotected', action='store_true',
                            help='Only those that no policy is about')
        parser.add_argument('--all-projects', action='store_true',
                            help='Those of all projects (administrators '
                                 'only)')
        return parser

    def take_action(self, parsed_args):
        key = 'share_backup_coverage'
        pages = _service(self.app).pages(
            api.COVERAGE, key,
            protected='false' if parsed_args.unprotected else None,
            all_projects=parsed_args.all_projects or None)
        return (('Share ID', 'Name', 'Protected', 'Policies', 'Last Good',
                 'Next Run', 'Objective'), [
            (each['share_id'], columns.Plain(each['share_name']),
             each['protected'],
             ', '.join(policy['name'] for policy in each['policies']),
             columns.Time((each['last_good_backup'] or {}).get(
                 'created_at')),
             columns.Time(each['next_run_at']),
             columns.Plain(each['objective']))
            for page in pages for each in page[key]])
