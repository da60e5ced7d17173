# SPDX-License-Identifier: Apache-2.0
"""The client's plug-in is another distribution, which is not installed."""

import os
import sys

#: Where it is.
PLACE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__))))), 'clients')

sys.path.append(PLACE)
