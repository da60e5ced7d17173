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
from manila_backup.maintenance import misspelt
from manila_backup.requests import admission
from manila_backup.ui import app as ui
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
    misspelt.warn(conf)
    database = engine.Database(conf)
    at_hand = gate.Gate(lambda: schema.check(database), _look(conf))
    made = ui.mount(app.build(
        conf, database, admission.Admission.from_conf(conf, database),
        gate=at_hand, places=bound.of_wsgi_server(conf)), conf)
    # The server may fork now. What is there stays. Collectors that leave it
    # alone leave the pages shared that the processes have it in.
    gc.collect()
    gc.freeze()
    return made


def _look(conf):
    """Look whether the database is there.

    It is done by way of connections that nobody uses afterwards: they don't
    survive a fork, and one that gets no answer has locks that a child would
    find taken for ever.

    :param conf: the configuration.
    :returns: bool, whether it is.
    """
    own = engine.Database(conf)
    found = gate.Gate(lambda: schema.check(own)).look()
    if found:
        own.dispose()
    return found


application = make(os.environ)
