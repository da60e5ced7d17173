# SPDX-License-Identifier: Apache-2.0
"""The API for uWSGI, gunicorn or mod_wsgi: ``manila_backup.wsgi.api:
application``.

Importing this makes the application. Its configuration comes from the usual
places, or from where the environment says: see
:mod:`manila_backup.wsgi.config_files`.
"""

import gc
import os

from manila_backup.api import app
from manila_backup.api import bound
from manila_backup.api import gate
from manila_backup import conf as config
from manila_backup.db import engine
from manila_backup.db import schema
from manila_backup.requests import backups as admission
from manila_backup.wsgi import config_files


def make(environ):
    """Make the application.

    :param environ: dict of str to str: the process's environment.
    :raises manila_backup.exception.ConfigurationError: it can't be used as
        configured.
    """
    conf = config.load([], 'manila-backup-api',
                       default_config_files=config_files.from_environ(
                           environ))
    config.setup_logging(conf)
    database = engine.Database(conf)
    at_hand = gate.Gate(lambda: schema.check(database))
    at_hand.look()
    made = app.build(conf, database,
                     admission.Admission.from_conf(conf, database),
                     gate=at_hand, places=bound.of_wsgi_server(conf))
    # Connections don't survive a fork, and the server may fork now.
    database.dispose()
    # What is there now stays. Collectors that leave it alone leave the pages
    # shared that the processes have it in.
    gc.collect()
    gc.freeze()
    return made


application = make(os.environ)
