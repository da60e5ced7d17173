# SPDX-License-Identifier: Apache-2.0
"""The real Manila that the other tests here rely on."""

import testtools

from tests.manila import cloud


class TestManila(testtools.TestCase):

    def test_share_and_rule(self):
        manila = cloud.shared()
        share = manila.create_share()
        manila.allow(share['id'], level='ro')
        self.assertEqual(
            [{'type': 'ip', 'to': '127.0.0.1', 'level': 'ro'}],
            manila.granted(share['id']))
