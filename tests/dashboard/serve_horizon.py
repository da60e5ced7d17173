# SPDX-License-Identifier: Apache-2.0
"""Serves Horizon; run with the Python that it is installed for.

usage: serve_horizon.py PORT DIRECTORY...

The modules in the directories are found: the plug-in, and the settings.
"""

import os
import sys

# Last: beside the settings there is a module named horizon.
sys.path += sys.argv[2:]
os.environ['DJANGO_SETTINGS_MODULE'] = 'horizon_settings'

# Importing them needs what was set.
from django.contrib.staticfiles import handlers  # noqa: E402
from django.core import wsgi  # noqa: E402
import waitress  # noqa: E402

waitress.serve(handlers.StaticFilesHandler(wsgi.get_wsgi_application()),
               host='127.0.0.1', port=int(sys.argv[1]), threads=4)
