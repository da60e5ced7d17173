# SPDX-License-Identifier: Apache-2.0
"""The API for uWSGI, gunicorn or mod_wsgi: ``manila_backup.wsgi.api:
application``.

Its configuration comes from the usual places, or from where the environment
says: ``OS_MANILA_BACKUP_CONFIG_DIR`` names a directory, and
``OS_MANILA_BACKUP_CONFIG_FILES`` files in it (or anywhere, if their paths
are absolute), divided by semicolons; ``manila-backup.conf`` if only the
directory is given.
"""

import os

from manila_backup.api import app
from manila_backup.cmd import common
from manila_backup import conf as config
from manila_backup.operations import admission

CONFIG_DIR = 'OS_MANILA_BACKUP_CONFIG_DIR'
CONFIG_FILES = 'OS_MANILA_BACKUP_CONFIG_FILES'


def config_files(environ):
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


def make(environ):
    """Make the application.

    :param environ: dict of str to str, see above.
    :raises manila_backup.exception.ConfigurationError: it can't be used as
        configured.
    """
    conf = config.load([], 'manila-backup-api',
                       default_config_files=config_files(environ))
    config.setup_logging(conf)
    database = common.connect(conf)
    made = app.build(conf, database,
                     admission.Admission.from_conf(conf, database))
    # Connections don't survive a fork, and the server may fork now.
    database.dispose()
    return made


application = make(os.environ)
