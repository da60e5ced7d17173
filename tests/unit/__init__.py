# SPDX-License-Identifier: Apache-2.0

from multiprocessing import util

from tests import lock_order
from tests import lost_answers

lost_answers.install()
lock_order.install()

# Where child processes are started from: made by the first test that starts
# one, it would be gone with that test's temporary directory.
util.get_temp_dir()
