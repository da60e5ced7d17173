# SPDX-License-Identifier: Apache-2.0
"""Pages after months of use; what the documentation shows is taken here."""

import datetime
import os

import sqlalchemy as sa

from manila_backup.db import models
from tests.functional import browser
from tests.functional import cloud
from tests.functional import example
from tests.functional import pages

expect = pages.expect

GIB = example.GIB


class Pictures(pages.PagesTestCase):
    """With a project that is called as one would be."""

    project = 'webshop'
    options = {'host': 'backup1', 'quota__gigabytes': -1, 'quota__backups': -1,
               'quota__backup_gigabytes': -1}

    def setUp(self):
        super().setUp()
        self.real = self._share('customer-files', 20,
                                len(example.FILES) + 8, 0.2)
        self.shares = {
            name: self._share(name, size, files, used)
            for name, size, files, used in (
                ('product-images', 500, 412870, 371), ('mail', 800, 2914003,
                                                       640),
                ('accounting', 50, 9120, 31), ('analytics', 200, 0, 0),
                ('scratch', 100, 0, 0))}
        protected = [self.real, *list(self.shares.values())[:3]]
        self.gold = self.policy(
            name='gold', description='Every night, for half a year.',
            retention=example.RETENTION)
        for share in protected:
            self.assign(self.gold, share.id)
        self.use = example.Use(self.cloud.engine, self.gold)
        self.use.long_since()
        self._history()
        self._others()

    def _share(self, name, size, files, used, project=None):
        """A share that is made; what is made up about it."""
        project = project or self.project
        share = self.cloud.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': size, 'name': name}},
            token=f'demo:{project}')['share']
        self.cloud.wait_share(share['id'], 'available', f'demo:{project}')
        return example.Share(share['id'], project, size, files,
                             int(used * GIB))

    def _history(self):
        images, mail, accounting, *_rest = self.shares.values()
        self.use.history(images, {3: 'no_space'})
        self.use.history(mail, {0: 'incomplete', 2: None})
        self.use.history(accounting, {0: 'share_unavailable',
                                      1: 'share_unavailable'})
        self.use.history(self.real, {4: 'incomplete'}, skip=3)
        self._really()
        self.use.insert(models.quotas, *(
            {'project_id': self.project, 'resource': name,
             'hard_limit': limit} for name, limit in (
                ('backups', 150), ('backup_gigabytes', 60000),
                ('backup_stored_gigabytes', 2000), ('backup_policies', 10))))
        begun = self.use.now - datetime.timedelta(minutes=51)
        going = self.use.backup(
            images, begun, status='creating', progress=62, result=None,
            name='before the sale', policy_id=None, rule_id=None,
            due_at=None, requested_by='user', completed_at=None,
            verified_at=None)
        self.running = self.use.operation(images, going, status='running',
                                          done=0.62)
        self.use.update(models.shares, images.id, status='backup_creating')

    def _really(self):
        """Back the first share up in the last three nights, of which what is
        in it is left; it is changed after each."""
        path = self.cloud.share_path(self.real.id)
        changes = ((), ('customers.csv', 'invoices/2026-11/totals.ods'),
                   ('customers.csv',))
        rule, = self.gold['rules']
        for night, changed in zip(reversed(self.use.kept()[:3]), changes):
            example.fill(path, changed)
            self.last = self.backed_up({'id': self.real.id})['id']
            at = night + datetime.timedelta(seconds=12)
            self.use.update(
                models.share_backups, self.last, created_at=night,
                due_at=night, taken_at=at, policy_id=self.gold['id'],
                completed_at=at + datetime.timedelta(seconds=4),
                rule_id=rule['id'], requested_by='policy',
                name=f'nightly {night:%Y-%m-%d}')
            with self.cloud.engine.begin() as conn:
                conn.execute(sa.update(models.operations).where(
                    models.operations.c.backup_id == self.last).values(
                        created_at=night, started_at=night,
                        attempt_started_at=night, finished_at=at))

    def _others(self):
        """Other projects, which have asked for their backups by hand."""
        for project, name, size, used, driver in (
                ('personnel', 'files', 100, 42, 'posix'),
                ('media', 'footage', 2000, 1730, 'nfs'),
                ('research', 'genomes', 4000, 2810, 'restic')):
            use = example.Use(self.cloud.engine, driver=driver)
            use.history(self._share(name, size, 88012, used, project))
        waiting = use.backup(
            self._share('papers', 100, 1, 1, 'research'), use.now,
            status='creating', progress=0, result=None, completed_at=None,
            verified_at=None)
        # On a driver that no worker of the test's has.
        use.operation(example.Share(waiting['share_id'], 'research', 1, 1, 1),
                      waiting, status='queued', done=0, worker=None,
                      lease_until=None, started_at=None,
                      attempt_started_at=None)
        use.hosts()
        cloud.eventually('a measurement', lambda: self.cloud.rows(
            "SELECT id FROM repositories WHERE driver = 'posix'"))

    def test_tour(self):
        """Each page, as wide as a desk's screen and as a hand's."""
        self._tour(self.page)
        admin = self.signed_in('admin')
        self.use.now_seen()
        self._see(admin, 'workers', 'new disks', 'workers', highest=1200)
        dark = self.signed_in('demo', color_scheme='dark')
        self._see(dark, f'shares/{self.real.id}', 'Make a backup',
                  'share-dark')
        narrow = self.signed_in('demo', viewport={'width': 375,
                                                  'height': 700})
        self._see(narrow, '', 'Last 24 hours', 'overview-narrow')

    def _moves(self, page):
        """Progress does, without the page being loaded again."""
        page.evaluate('window.same = true')
        self.use.update(models.operations, self.running['id'],
                        bytes_done=int(0.805 * self.running['bytes_total']))
        expect(page.locator('tbody .small', has_text='80 %')).to_be_visible()
        self.assertTrue(page.evaluate('window.same'))

    def _see(self, page, address, text, name, **how):
        page.goto(f'/ui/{address}')
        expect(page.get_by_text(text).first).to_be_visible()
        browser.picture(page, name, **how)

    def _tour(self, page):
        backup = f'backups/{self.last}'
        self._see(page, '', 'The share could not be reached.', 'overview')
        self._see(page, f'shares/{self.real.id}', '3 missing', 'share')
        self._see(page, 'operations', 'ends in', 'operations')
        self._moves(page)
        self._see(page, f'{backup}/files?search=*2026-11*',
                  'database/shop-2026-11-29.sql.gz', 'files')
        self._see(page, f'policies/{self.gold["id"]}',
                  'It could not begin in time.', 'policy')
        self._see(page, f'policies/{self.gold["id"]}/simulate?daily=7&'
                        f'weekly=4&monthly=3', 'would be deleted', 'simulate')
        path = self.cloud.share_path(self.real.id)
        os.unlink(os.path.join(path, 'contracts/2026/Hansen, price list.ods'))
        example.fill(path, ['customers.csv', 'templates/letter.odt'])
        with open(os.path.join(path, 'invoices/2026-11/R-20845.pdf'), 'w'):
            pass
        self._see(page, f'{backup}/restore?to=same', '/customers.csv',
                  'restore', highest=1200)
        self._see(page, f'{backup}/restore-files?path=/customers.csv&'
                        'path=/contracts/2026&path=/templates&'
                        'conflict=keep_both',
                  'They would be restored to other names.', 'restore-files')
