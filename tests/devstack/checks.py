# SPDX-License-Identifier: Apache-2.0
"""Checks of what the plugin has done once it has run."""

import configparser
import json
import os
import pwd
import re
import stat
import subprocess
import urllib.error
import urllib.request

from manila_backup import conf as config
from tests.devstack import apache
from tests.devstack import deployment
from tests.functional import cloud as functional
from tests.functional import keystone

#: Where nothing was asked to be; and what in there is the servers' own.
_ELSEWHERE = ('/etc', '/home', '/opt', '/root', '/run', '/srv', '/usr/local',
              '/var/lib', '/var/log', '/var/www')
_SERVERS = ('mysql', 'postgresql', 'rabbitmq')


class Checks:
    """Counts and prints what was checked."""

    def __init__(self):
        self._passed = self._failed = self._skipped = 0

    def __call__(self, what, fine, detail=''):
        """One check.

        :param what: str, what should be so.
        :param fine: whether it is.
        :param detail: what to print if not.
        :returns: bool, whether it is.
        """
        if fine:
            self._passed += 1
            print(f'ok      {what}', flush=True)
        else:
            self._failed += 1
            print(f'FAILED  {what}: {detail}', flush=True)
        return bool(fine)

    def skip(self, what, why):
        """A check that can't be made here."""
        self._skipped += 1
        print(f'skipped {what}: {why}', flush=True)

    def add(self, passed, failed, skipped):
        """Count others' tests too."""
        self._passed += passed
        self._failed += failed
        self._skipped += skipped

    def summary(self):
        """Print the counts.

        :returns: int, an exit status.
        """
        print(f'{self._passed} passed, {self._failed} failed, '
              f'{self._skipped} skipped')
        return 1 if self._failed or not self._passed else 0


def ids(user):
    """Numbers of a user.

    :returns: (int, int): of the user and of its group.
    """
    found = pwd.getpwnam(user)
    return found.pw_uid, found.pw_gid


def deployed(cloud, check):
    """After stack.sh: what is configured, and what runs."""
    _processes(cloud, check)
    _configuration(cloud, check)
    _identity(cloud, check)
    _servers(cloud, check)
    _paths(cloud, check)
    _client(cloud, check)


def _processes(cloud, check):
    running = cloud.units.processes()
    wanted = {f'devstack@{name}.service' for name in deployment.SERVICES}
    check('a process for the API and each worker', set(running) == wanted and
          all(each.poll() is None for each in running.values()),
          {name: each.poll() for name, each in running.items()})
    users = {name: os.stat(f'/proc/{each.pid}').st_uid
             for name, each in running.items() if each.poll() is None}
    if cloud.user == 'root':
        check.skip('the API runs as nobody in particular',
                   'nobody can read this checkout, or run its Python')
    check('workers run as root, and the API as DevStack does',
          users == {name: 0 if 'worker' in name else ids(cloud.user)[0]
                    for name in wanted}, users)
    if cloud.units.verified:
        check('systemd would take the units', cloud.units.verified == wanted,
              cloud.units.verified)
    else:
        check.skip('systemd would take the units', 'no systemd-analyze')
    listed = json.loads(subprocess.run(
        [f'{cloud.venv}/bin/manila-backup-manage', '--config-file',
         f'{cloud.conf}/manila-backup.conf', 'service', 'list', '--format',
         'json'], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True).stdout)
    up = [each['identity'] for each in listed if each['state'] == 'up'
          and each['binary'] == 'manila-backup-worker']
    check('three workers are at work', len(up) == 3, listed)


def _configuration(cloud, check):
    path = f'{cloud.conf}/manila-backup.conf'
    check('only its user can read the passwords',
          stat.S_IMODE(os.stat(path).st_mode) == 0o600
          and os.stat(path).st_uid == ids(cloud.user)[0], os.stat(path))
    conf = config.load(['--config-file', path], 'test')
    check('the configuration is what localrc asked for',
          (conf.shares.source, conf.backup.enabled_drivers,
           conf.posix.repository_path, conf.backup.progress_interval) ==
          ('local', ['posix'], f'{cloud.state}/repository', 0.5))
    unknown = unknown_options(path)
    check('the service knows all options', not unknown, unknown)


def unknown_options(path):
    """Options in this service's own groups that it doesn't have.

    :param path: str, a configuration file.
    :returns: list of (group, option).
    """
    parser = configparser.RawConfigParser()
    parser.read(path)
    return [(group, name)
            for group, opts in config.list_opts()
            if group != 'DEFAULT' and group in parser
            for name in parser[group]
            if name not in parser.defaults()
            and name not in {opt.dest for opt in opts}]


def _identity(cloud, check):
    identity = cloud.keystone
    types = {each['id']: each['type']
             for each in identity.ask('GET', '/services')['services']}
    urls = {types[each['service_id']]: each['url']
            for each in identity.ask('GET', '/endpoints')['endpoints']
            if types[each['service_id']] != 'identity'}
    url = f'http://127.0.0.1:{cloud.apache.port}/share-backup/v2'
    check('the catalog has its type, and those of shares', urls == dict.
          fromkeys(('shared-file-system-backup', 'shared-file-system',
                    'sharev2'), url), urls)
    user, = identity.ask(
        'GET', f'/users?name={keystone.SERVICE_USER}')['users']
    roles = [each['role']['name'] for each in identity.ask(
        'GET', f'/role_assignments?user.id={user["id"]}&include_names'
    )['role_assignments']]
    check('its user is no administrator', roles == ['service'], roles)


def _servers(cloud, check):
    tables = cloud.execute(f'SHOW TABLES IN {cloud.name}')
    check('the schema is in a database of its own', tables, tables)
    queues = subprocess.run(
        ['rabbitmqctl', '-q', 'list_queues', '-p', cloud.name, 'name'],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    check('the workers listen on a virtual host of its own',
          'manila-backup-worker' in queues, queues)


def _paths(cloud, check):
    admin = cloud.keystone.token
    project = cloud.keystone.ask('GET', '/projects?name=admin')[
        'projects'][0]['id']
    for what, path, token, wanted in (
            ('it is healthy', '/share-backup/healthcheck', None, 200),
            ('a token is needed', '/share-backup/v2/share-backups', None,
             401),
            ('a token is enough', '/share-backup/v2/share-backups', admin,
             200),
            ('Manila\'s path leads to share backups',
             '/share/v2/share-backups/detail?limit=1', admin, 200),
            ('so does the one with a project',
             f'/share/v2/{project}/share-backups', admin, 200),
            ('the rest is Manila\'s own', '/share/v2/shares', admin, 503)):
        status, _ = get(cloud, path, token)
        check(what, status == wanted, status)
    _, text = get(cloud, '/share-backup/')
    check('links are what clients can reach', 'href' in text and not [
        link for link in re.findall(r'"href": *"([^"]*)"', text)
        if not link.startswith(
            f'http://127.0.0.1:{cloud.apache.port}/share-backup/')], text)


def get(cloud, path, token=None):
    """A request by way of Apache.

    :returns: (int, str): the status and the body.
    """
    request = urllib.request.Request(
        f'http://127.0.0.1:{cloud.apache.port}{path}',
        headers={'X-Auth-Token': token} if token else {})
    request.add_header('X-OpenStack-Manila-API-Version', '2.91')
    try:
        with urllib.request.urlopen(request,
                                    timeout=functional.PATIENCE) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode(errors='replace')


def _client(cloud, check):
    def openstack(words):
        return subprocess.run(['openstack', *words.split()],
                              env=cloud.environment(), capture_output=True,
                              text=True)

    def available():
        return openstack('share backup show first -f value -c status'
                         ).stdout.strip() == 'available'

    for words in ('share create NFS 1 --name one --wait',
                  'share backup create one --name first',
                  'share backup restore first --wait',
                  'share backup delete first --wait', 'share delete one'):
        done = openstack(words)
        check(f'openstack {words}', done.returncode == 0,
              done.stdout + done.stderr)
        if ' create one' in words:
            functional.eventually('the backup', available)


def logs(cloud, check):
    """Output of the processes."""
    wrong = [line for name in cloud.units.processes()
             for line in cloud.units.log(name).splitlines()
             if re.search(r'\b(ERROR|CRITICAL) |^Traceback', line)]
    check('no errors in the logs', not wrong, '\n'.join(wrong))


def processes(root):
    """Find the processes that run from a directory, but for Apache.

    :returns: dict of process id to command line.
    """
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            program = os.readlink(f'/proc/{pid}/exe')
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                line = file.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if program != os.path.realpath(apache.PROGRAM) and any(
                root in word for word in (program, *line)):
            found[int(pid)] = ' '.join(line)
    return found


def left_behind(cloud, check):
    """After clean.sh."""
    for what, found in (
            ('database', cloud.execute(f"SHOW DATABASES LIKE "
                                       f"'{cloud.name}'")),
            ('virtual host', cloud.has_vhost()),
            ('configuration', os.path.exists(cloud.conf)),
            ('data', os.path.exists(cloud.state)),
            ('site', [name for _, _, names in os.walk(cloud.apache.root)
                      for name in names if 'manila-backup' in name])):
        check(f'clean leaves no {what}', not found, found)
    status, _ = get(cloud, '/share/v2/share-backups', cloud.keystone.token)
    check('Manila\'s path is Manila\'s again', status == 503, status)


def elsewhere():
    """Files that a plugin that forgot where it is would leave.

    :returns: set of str, paths.
    """
    skipped = ['-path', '*/.cache']
    for name in _SERVERS:
        skipped += ['-o', '-path', f'*/{name}']
    found = subprocess.run(
        ['find', *filter(os.path.isdir, _ELSEWHERE), '-xdev',
         '(', *skipped, ')', '-prune', '-o',
         '(', '-name', '*manila*backup*', '-o', '-name', '*devstack*',
         '-o', '-name', '*uwsgi*', ')', '-print'],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return set(found.stdout.splitlines())
