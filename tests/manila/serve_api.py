# SPDX-License-Identifier: Apache-2.0
"""Serves Manila's API; run with the Python that it is installed for.

usage: serve_api.py --config-file CONFIGURATION PORT
"""

import sys

import waitress

# Manila takes what is left for its own arguments.
port = int(sys.argv.pop())

# Importing it sets it up.
from manila.wsgi import api  # noqa: E402

waitress.serve(api.application, host='127.0.0.1', port=port, threads=8)
