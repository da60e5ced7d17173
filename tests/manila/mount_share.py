# SPDX-License-Identifier: Apache-2.0
"""Mounts what Manila's share driver of the tests exports: a bind mount.

usage: mount_share.py mount ROOT EXPORT OPTIONS PATH
       mount_share.py unmount ROOT PATH

It stands for the command ``mount`` and for the server. The latter knows the
rules that the share driver wrote (see backend/directory_driver.py), takes
every client for 127.0.0.1, or for the name of the option ``name`` of a CephFS
mount, and refuses to write where it may only be read. What was done is noted
in ROOT/mounts.log, a JSON object a line. While ROOT/gate is there, nothing is
mounted.
"""

import fcntl
import ipaddress
import json
import os
import subprocess
import sys
import time

#: As mount(8) has it.
FAILED = 32

#: Hosts that exports are reached at, and the client of all.
SERVERS = ('127.0.0.1', '127.0.0.3')
CLIENT = ipaddress.ip_address('127.0.0.1')


def applies(rule, options):
    """Tell whether a rule is one of the client's."""
    if rule['type'] == 'cephx':
        return f'name={rule["to"]}' in options
    return CLIENT in ipaddress.ip_network(rule['to'], strict=False)


def granted(root, name, options):
    """'rw', 'ro' or None."""
    try:
        with open(os.path.join(root, 'access', f'{name}.json')) as file:
            rules = json.load(file)
    except FileNotFoundError:
        return None
    levels = {rule['level'] for rule in rules if applies(rule, options)}
    return 'rw' if 'rw' in levels else 'ro' if levels else None


def note(root, **values):
    """Write down what was done."""
    with open(os.path.join(root, 'mounts.log'), 'a') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(json.dumps(values) + '\n')


def wait(root):
    """For as long as a test wants it."""
    gate = os.path.join(root, 'gate')
    if os.path.exists(gate):
        note(root, action='wait')
    while os.path.exists(gate):
        time.sleep(0.02)


def mount(root, export, options, path):
    host, _, directory = export.rpartition(':')
    options = options.split(',')
    wait(root)
    wanted = 'ro' if 'ro' in options else 'rw'
    level = granted(root, os.path.basename(directory), options)
    refused = None
    if host.partition(':')[0] not in SERVERS:
        refused = 'no route to host'
    elif not level or (wanted == 'rw' and level == 'ro'):
        refused = f'access denied by server ({wanted}, allowed: {level})'
    note(root, action='mount', export=export, options=options, path=path,
         level=level, refused=refused)
    if refused:
        print(f'mount_share: {export}: {refused}', file=sys.stderr)
        return FAILED
    done = subprocess.run(['mount', '--bind', root + directory, path])
    if done.returncode:
        return done.returncode
    # A bind mount has its own flags only after a second look.
    flags = [each for each in options
             if each in ('ro', 'nosuid', 'nodev', 'noexec')]
    return subprocess.run(['mount', '-o', ','.join(
        ['remount', 'bind', *flags]), path]).returncode


def unmount(root, path):
    note(root, action='unmount', path=path)
    return subprocess.run(['umount', path]).returncode


if __name__ == '__main__':
    sys.exit({'mount': mount, 'unmount': unmount}[sys.argv[1]](*sys.argv[2:]))
