# SPDX-License-Identifier: Apache-2.0

from tests import lock_order
from tests import lost_answers

lost_answers.install()
lock_order.install()
