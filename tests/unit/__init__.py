# SPDX-License-Identifier: Apache-2.0

from tests import lost_answers

lost_answers.install()
