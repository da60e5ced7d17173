# SPDX-License-Identifier: Apache-2.0
"""Configuration files of a WSGI server's process.

``OS_MANILA_BACKUP_CONFIG_DIR`` names a directory, and
``OS_MANILA_BACKUP_CONFIG_FILES`` files in it (or anywhere, if their paths
are absolute), divided by semicolons; ``manila-backup.conf`` if only the
directory is given.
"""

import os

CONFIG_DIR = 'OS_MANILA_BACKUP_CONFIG_DIR'
CONFIG_FILES = 'OS_MANILA_BACKUP_CONFIG_FILES'


def from_environ(environ):
    """The configuration files that the environment names.

    :param environ: dict of str to str.
    :returns: list of str; None for the usual places.
    """
    folder = environ.get(CONFIG_DIR, '').strip()
    names = [name.strip() for name in environ.get(CONFIG_FILES, '').split(';')
             if name.strip()]
    if not folder and not names:
        return None
    return [os.path.join(folder, name)
            for name in names or ['manila-backup.conf']]
