# SPDX-License-Identifier: Apache-2.0
"""The templates in the user's guide."""

import os

from tests.heat import base


class Examples(base.TestCase):

    def test_templates(self):
        share_id = self.create_share()
        for name, output in (('backup', 'stored_bytes'),
                             ('policy', 'next_run_at')):
            with open(os.path.join(base.ROOT, 'doc', 'source', 'user',
                                   f'heat-{name}.yaml')) as file:
                template = file.read()
            told = self.heat('create', name=name, template=template,
                             parameters={'share': 'documents'})
            self.assertEqual('CREATE_COMPLETE', told['status'], told)
            self.assertIsNotNone(told['outputs'][output])
        self.assertEqual([share_id],
                         [each['share_id'] for each in self.backups()])
        policy, = self.policies()
        self.assertEqual(
            [('metadata', 'backup=gold'), ('share', share_id)],
            self.assignments(policy['id']))
