# SPDX-License-Identifier: Apache-2.0
"""Exposure of directories to other users of this host: reported at a worker's
start and by ``upgrade check``. Permissions of existing directories are not
changed, as somebody may rely on them."""

import os

from manila_backup.db import shares as db_shares
from manila_backup import private
from manila_backup.shares import base
from manila_backup.shares.local import directories


def reachable(conf):
    """Directories of this service that others can get at.

    :returns: list of str, sentences.
    """
    found = []
    if private.is_reachable(os.path.abspath(conf.state_path)):
        found.append(
            f'Other users of this host can access state_path '
            f'{conf.state_path}: revoke that (chmod 700), unless they need '
            f'something in it other than this service\'s files.')
    path = conf.local_shares.path
    if (conf.shares.source == 'local' and not conf.local_shares.exported
            and private.is_reachable(os.path.abspath(path))):
        found.append(
            f'Other users of this host can access the shares in '
            f'[local_shares] path {path}, and run setuid programs there: '
            f'revoke that (chmod 700 {path}), or, if a file server needs it, '
            f'set [local_shares] exported and mount the file system with '
            f'nosuid and nodev.')
    return found


def replaceable(conn):
    """Adopted shares that others could put something else in the place of,
    as it is seen from this host. Those that are not there are passed over.

    :returns: list of str, sentences.
    """
    found = []
    for row in db_shares.adopted(conn):
        if not os.path.isdir(row.path):
            continue
        try:
            directories.check_above(row.path)
        except base.ShareError as exc:
            found.append(f'Share {row.id}: {exc}')
    return found
