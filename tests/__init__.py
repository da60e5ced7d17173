# SPDX-License-Identifier: Apache-2.0

from tests import ending
from tests import limits

ending.watch()
limits.watch()
