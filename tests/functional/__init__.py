# SPDX-License-Identifier: Apache-2.0

from tests import leak_guard

leak_guard.watch()
