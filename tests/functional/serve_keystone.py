# SPDX-License-Identifier: Apache-2.0
"""Serves Keystone; run with the Python that it is installed for.

usage: serve_keystone.py PORT

$OS_KEYSTONE_CONFIG_FILES names the configuration.
"""

import sys

import waitress

# Keystone takes what is left for its own arguments.
port = int(sys.argv.pop())

# Importing it sets it up.
from keystone.wsgi import api  # noqa: E402

waitress.serve(api.application, host='127.0.0.1', port=port, threads=4)
