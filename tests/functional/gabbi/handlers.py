# SPDX-License-Identifier: Apache-2.0
"""Handlers of what gabbits can say of an answer beside what gabbi itself
knows."""

from gabbi.handlers import base


class ForbiddenStrings(base.ResponseHandler):
    """Strings that are nowhere in the body: ``response_forbidden_strings``,
    a list."""

    test_key_suffix = 'forbidden_strings'
    test_key_value = []

    def action(self, test, item, value=None):
        """Look for one of them."""
        test.assertNotIn(test.replace_template(item), test.output)
