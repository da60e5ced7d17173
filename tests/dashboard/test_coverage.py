# SPDX-License-Identifier: Apache-2.0
"""The panels of what protects shares, and of the usage of backups."""

from tests.dashboard import base


class CoverageTest(base.TestCase):

    def test_unprotected(self):
        """Shares that a policy is about, and those that none is, by pages."""
        shares = [self.create_share(a='first') for _number in range(3)]
        backup = self.backed_up(shares[0], name=base.HOSTILE)
        policy = self.create_policy(shares[0], name=base.HOSTILE[:-1])
        page = self.index(where=base.COVERAGE)
        self.assertEqual(1, page.text.count('Yes'))
        self.assertEqual(2, page.text.count('No none'))
        page = self.visitor.get(base.COVERAGE + page.links['Protected'])
        self.assertIn(f'Yes {base.SHOWN[:-6]}', page.text)
        self.assertNotIn('<script>alert', page.html)
        self.assertIn(f'{base.POLICIES}{policy["id"]}/', page.html)
        self.assertIn(f'{base.BACKUPS}{backup["id"]}/', page.html)
        self.assertNotIn('No none', page.text)

        self.visitor.session.cookies.set('API_RESULT_PAGE_SIZE', '1')
        page = self.visitor.get(base.COVERAGE, protected='false')
        seen = self._offered(page)
        following, = (link for text, link in page.links.items()
                      if text.startswith('Next'))
        page = self.visitor.get(base.COVERAGE + following)
        seen += self._offered(page)
        self.assertCountEqual([each['id'] for each in shares[1:]], seen)
        self.assertNotIn('Next »', page.text)

    def _offered(self, page):
        """The shares that a page offers to back up."""
        self.assertNotIn('Yes', page.text)
        return [link.partition('?share=')[2] for link in page.links.values()
                if '/create/?share=' in (link or '')]

    def test_usage(self):
        """Sums of all backups and of those of each share, beside the
        quotas."""
        for number in (1, 2):
            share = self.create_share(a='x' * 2048)
            for _number in range(number):
                self.backed_up(share)
        page = self.index(where=base.USAGE)
        self.assertIn('3 backups, for which', page.text)
        self.assertIn('6.0 KiB of content', page.text)
        self.assertRegex(page.text, r'backups 3 \d+')
        self.assertRegex(page.text, r'a share 2 2 GiB 4\.0 KiB')
        self.assertRegex(page.text, r'a share 1 1 GiB 2\.0 KiB')

    def test_nothing(self):
        """A project without shares and backups."""
        for where in (base.COVERAGE, base.USAGE):
            self.assertIn('No items to display.',
                          self.index(where=where).text)

    def test_all_projects(self):
        """An administrator sees the usage of all, and nobody else does."""
        self.backed_up(self.create_share(a='x'))
        admin = self.signed_in('admin')
        page = self.index(admin, base.ADMIN_USAGE)
        self.assertRegex(page.text, self.keystone.project_id(self.project)
                         + r' 1 1 GiB')
        self.assertEqual(403, self.visitor.get(base.ADMIN_USAGE).status)
