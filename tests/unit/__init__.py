# SPDX-License-Identifier: Apache-2.0

from multiprocessing import util

import hypothesis

from tests import lock_order
from tests import lost_answers

lost_answers.install()
lock_order.install()

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile(
    'tests', deadline=None, suppress_health_check=(
        hypothesis.HealthCheck.too_slow,))
hypothesis.settings.load_profile('tests')

# Where child processes are started from: made by the first test that starts
# one, it would be gone with that test's temporary directory.
util.get_temp_dir()
