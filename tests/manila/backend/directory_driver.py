# SPDX-License-Identifier: Apache-2.0
"""Manila's dummy share driver, with real directories.

A share is a directory, and a snapshot is a copy of one. Nothing is exported:
what the access rules are is written to a file, and whoever mounts for the
tests (``mount_share.py``) goes by that, as a server would.

This is for Manila's Python and not imported by anything else here.
"""

import contextlib
import json
import os
import shutil
import subprocess

from manila.tests.share.drivers import dummy
from oslo_config import cfg

OPTS = [cfg.StrOpt('directory_root', help='Directory of everything.')]


class DirectoryDriver(dummy.DummyDriver):
    """Keeps everything below ``directory_root``.

    ``shares/ID`` and ``snapshots/ID`` are content; ``access/ID.json`` is the
    list of the access rules of a share or a mountable snapshot.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTS)
        self._root = self.configuration.safe_get('directory_root')
        for kind in ('shares', 'snapshots', 'access'):
            os.makedirs(self._path(kind), exist_ok=True)

    def _path(self, *names):
        return os.path.join(self._root, *names)

    @staticmethod
    def _exports(kind, name, protocol):
        port = ':6789' if protocol.upper() == 'CEPHFS' else ''
        # Only the last two lead anywhere; see mount_share.py.
        return [{
            'path': f'{host}{port}:/{kind}/{name}',
            'is_admin_only': only_admin,
            'metadata': {'preferred': preferred},
        } for host, only_admin, preferred in (
            ('127.0.0.2', False, False),
            ('127.0.0.3', True, False),
            ('127.0.0.1', False, True))]

    def _update_share_stats(self, data=None):
        super()._update_share_stats(data)
        self._stats['storage_protocol'] = 'NFS_CEPHFS'

    # -- shares ----------------------------------------------------------

    def create_share(self, context, share, share_server=None):
        os.mkdir(self._path('shares', share['share_id']))
        return self._exports('shares', share['share_id'],
                             share['share_proto'])

    def create_share_from_snapshot(self, context, share, snapshot,
                                   share_server=None, parent_share=None):
        self._copy(self._path('snapshots', snapshot['snapshot_id']),
                   self._path('shares', share['share_id']))
        return {'status': 'available',
                'export_locations': self._exports(
                    'shares', share['share_id'], share['share_proto'])}

    def delete_share(self, context, share, share_server=None):
        self._remove('shares', share['share_id'])

    def ensure_shares(self, context, shares):
        return {}

    # -- snapshots -------------------------------------------------------

    def create_snapshot(self, context, snapshot, share_server=None):
        # What is called the snapshot's share is an instance of it.
        self._copy(self._path('shares', snapshot['share']['share_id']),
                   self._path('snapshots', snapshot['snapshot_id']))
        return {'export_locations': self._exports(
            'snapshots', snapshot['snapshot_id'],
            snapshot['share']['share_proto'])}

    def delete_snapshot(self, context, snapshot, share_server=None):
        self._remove('snapshots', snapshot['snapshot_id'])

    # -- access ----------------------------------------------------------

    def update_access(self, context, share, access_rules, add_rules,
                      delete_rules, update_rules, share_server=None):
        self._write_rules(share['share_id'], access_rules)
        return {
            rule['access_id']: {'access_key': f'key-of-{rule["access_to"]}'}
            for rule in add_rules or access_rules
            if rule['access_type'] == 'cephx'}

    def snapshot_update_access(self, context, snapshot, access_rules,
                               add_rules, delete_rules, share_server=None):
        self._write_rules(snapshot['snapshot_id'], access_rules)

    def _write_rules(self, name, rules):
        path = self._path('access', f'{name}.json')
        with open(f'{path}.new', 'w') as file:
            # A snapshot's rules have no level: they only ever read.
            json.dump([{'type': rule['access_type'], 'to': rule['access_to'],
                        'level': rule.get('access_level') or 'ro'}
                       for rule in rules], file)
        os.replace(f'{path}.new', path)

    # -- directories -----------------------------------------------------

    @staticmethod
    def _copy(source, target):
        subprocess.run(['cp', '-a', '--reflink=auto', source, target],
                       check=True)

    def _remove(self, kind, name):
        # It is not there if it could not be made.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._path(kind, name))
        path = self._path('access', f'{name}.json')
        if os.path.exists(path):
            os.remove(path)
