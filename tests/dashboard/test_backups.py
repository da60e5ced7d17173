# SPDX-License-Identifier: Apache-2.0
"""The panel of share backups."""

import contextlib
import os

from tests.dashboard import base


class BackupsTest(base.TestCase):

    def test_life(self):
        """Create, list, show, edit, restore and delete."""
        share = self.create_share(a='first', b='second')
        page = self.visitor.get(base.BACKUPS + 'create/')
        page = self.visitor.submit(
            page, '/create/', share=share['id'], name='monday',
            description='taken by hand')
        self.assertIn('Creating share backup monday.', page.text)
        backup, = self.backups()
        self.cloud.wait_backup(backup['id'], 'available', self.token)
        page = self.index()
        for text in ('monday', 'a share', 'Available', 'complete', '1 GiB'):
            self.assertIn(text, page.text)

        where = base.BACKUPS + backup['id'] + '/'
        page = self.visitor.get(where)
        for text in (backup['id'], 'taken by hand', 'posix', share['id'],
                     'Stored for it', 'Warnings', 'Operations'):
            self.assertIn(text, page.text)
        page = self.visitor.get(where, tab='share_backup__warnings')
        self.assertIn('The backup has all that was in the share.', page.text)
        page = self.visitor.get(where, tab='share_backup__operations')
        self.assertRegex(page.text, r'create done')

        page = self.visitor.get(where + 'update/')
        self.assertEqual('monday', page.form('/update/').value('name'))
        page = self.visitor.submit(page, '/update/', name='tuesday')
        self.assertIn('tuesday', page.text)

        path = self.cloud.share_path(share['id'])
        os.remove(os.path.join(path, 'a'))
        for name, text in (('b', 'changed'), ('c', 'new')):
            with open(os.path.join(path, name), 'w') as file:
                file.write(text)
        page = self.visitor.get(where + 'restore/')
        # It is not done before it was seen.
        page = self.visitor.submit(page, '/restore/', confirm='on')
        self.assertIn('What this would do', page.text)
        self.assertRegex(page.text, r'1 would be removed /?c\b')
        self.assertEqual({'b': b'changed', 'c': b'new'},
                         self.share_content(share))
        page = self.visitor.submit(page, '/restore/', confirm='on')
        self.assertIn('Restoring share backup tuesday.', page.text)
        self.cloud.wait_share(share['id'], 'available', self.token)
        self.cloud.wait_backup(backup['id'], 'available', self.token)
        self.assertEqual({'a': b'first', 'b': b'second'},
                         self.share_content(share))

        page = self.act(f'share_backups__delete__{backup["id"]}')
        self.assertIn('Scheduled deletion of Share Backup: tuesday',
                      page.text)
        self.cloud.wait_backup(backup['id'], None, self.token)
        self.assertNotIn('tuesday', self.index().text)

    def test_other_share(self):
        """A restore to another share, which must be confirmed again if it is
        chosen after the preview."""
        share = self.create_share(a='first')
        other = self.create_share(b='other')
        backup = self.backed_up(share)
        page = self.visitor.get(f'{base.BACKUPS}{backup["id"]}/restore/')
        page = self.visitor.submit(page, '/restore/')
        self.assertIn('0 would be removed', page.text)
        page = self.visitor.submit(page, '/restore/', target=other['id'],
                                   confirm='on')
        self.assertIn('1 would be removed', page.text)
        self.assertEqual({'b': b'other'}, self.share_content(other))
        self.visitor.submit(page, '/restore/', confirm='on')
        self.cloud.wait_backup(backup['id'], 'available', self.token)
        self.cloud.wait_share(other['id'], 'available', self.token)
        self.assertEqual({'a': b'first'}, self.share_content(other))

    def test_new_share(self):
        """A restore to a share that is made for it, which is named before it
        is done."""
        share = self.create_share(a='first')
        backup = self.backed_up(share, name='monday')
        page = self.visitor.get(f'{base.BACKUPS}{backup["id"]}/restore/')
        page = self.visitor.submit(page, '/restore/', target='new', size='0')
        self.assertNotIn('A share of', page.text)
        page = self.visitor.submit(page, '/restore/', name='brand new',
                                   size='2')
        self.assertIn('A share of 2 GiB is made', page.text)
        # What is confirmed is what was shown.
        page = self.visitor.submit(page, '/restore/', size='3', confirm='on')
        self.assertIn('A share of 3 GiB is made', page.text)
        page = self.visitor.submit(page, '/restore/', confirm='on')
        self.assertIn('Restoring share backup monday.', page.text)
        made, = (each for each in self.cloud.ask(
            200, 'GET', '/shares/detail', token=self.token)['shares']
            if each['id'] != share['id'])
        self.assertEqual(('brand new', 3), (made['name'], made['size']))
        self.cloud.wait_share(made['id'], 'available', self.token)
        self.cloud.wait_backup(backup['id'], 'available', self.token)
        self.assertEqual({'a': b'first'}, self.share_content(made))

    def test_metadata(self):
        """Show and change it; what lines can't hold is left alone."""
        share = self.create_share()
        backup = self.backed_up(share, name='monday')
        items = {'team': base.HOSTILE, 'a=b': 'c', 'two': 'lines\nof it'}
        where = f'{base.BACKUPS}{backup["id"]}/'
        self.ask('PUT', f'/share-backups/{backup["id"]}/metadata',
                 {'metadata': items})
        page = self.visitor.get(where)
        for text in (f'team {base.SHOWN}', 'a=b c', 'two lines'):
            self.assertIn(text, page.text)
        self.assertIn('Edit Metadata', page.text)
        page = self.visitor.get(where + 'metadata/')
        self.assertIn('These stay as they are: a=b, two', page.text)
        self.assertEqual(f'team={base.HOSTILE}',
                         page.form('/metadata/').value('metadata'))
        page = self.visitor.submit(page, '/metadata/', metadata='x')
        self.assertIn('Each line has to be KEY=VALUE.', page.text)
        page = self.visitor.submit(page, '/metadata/', metadata='x=')
        self.assertIn('Each key has to have a value.', page.text)
        page = self.visitor.submit(page, '/metadata/',
                                   metadata='site = Berlin=Mitte\nx=1')
        self.assertIn('The metadata is changed.', page.text)
        del items['team']
        self.assertEqual(
            {**items, 'site': 'Berlin=Mitte', 'x': '1'},
            self.ask('GET', f'/share-backups/{backup["id"]}')[
                'share_backup']['metadata'])

    def test_files(self):
        """Look into a backup, find, download and restore a file."""
        share = self.create_share(a='first', b='second')
        path = self.cloud.share_path(share['id'])
        os.mkdir(os.path.join(path, 'd'))
        with open(os.path.join(path, 'd', 'deep.sql'), 'w') as file:
            file.write('drop')
        backup = self.backed_up(share)
        where = f'{base.BACKUPS}{backup["id"]}/files/'
        page = self.visitor.get(where)
        self.assertEqual({'a', 'b', 'd/'}, {'a', 'b', 'd/'} & set(page.links))
        page = self.visitor.get(page.links['d/'])
        self.assertIn('deep.sql', page.links)
        page = self.visitor.submit(self.visitor.get(where), '/files/',
                                   search='*.sql')
        found = self.visitor.get(page.links['/d/deep.sql'])
        self.assertEqual(b'drop', found.content)
        self.assertEqual('nosniff', found.headers['X-Content-Type-Options'])
        self.assertRegex(found.headers['Content-Disposition'], '^attachment')

        for name in ('a', 'b'):
            with open(os.path.join(path, name), 'w') as file:
                file.write('changed')
        page = self.visitor.submit(self.visitor.get(where), '/restore_files/',
                                   path=['/a'])
        page = self.visitor.submit(page, '/restore_files/',
                                   conflict='overwrite')
        self.assertIn('1 have something else in their place', page.text)
        page = self.visitor.submit(page, '/restore_files/', confirm='on')
        self.assertIn('Restoring share backup', page.text)
        self.cloud.wait_backup(backup['id'], 'available', self.token)
        self.cloud.wait_share(share['id'], 'available', self.token)
        self.assertEqual({'a': b'first', 'b': b'changed',
                          'd/deep.sql': b'drop'}, self.share_content(share))

    def test_hostile_names(self):
        """Names that users gave are shown as text, wherever it is."""
        share = self.create_share()
        self.cloud.ask(200, 'PUT', f'/shares/{share["id"]}', {'share': {
            'display_name': base.HOSTILE}}, token=self.token)
        path = self.cloud.share_path(share['id'])
        odd = base.HOSTILE.replace('/', '\\')
        os.mkdir(os.path.join(path, odd))
        with open(os.path.join(path, odd, odd), 'w') as file:
            file.write('content')
        backup = self.backed_up(share, name=base.HOSTILE,
                                description=base.HOSTILE)
        where = f'{base.BACKUPS}{backup["id"]}/'
        listing = self.visitor.get(where + 'files/')
        inside, = (link for text, link in listing.links.items()
                   if text.startswith('<script>') and '?path=' in link)
        deep = self.visitor.get(inside)
        content, = (link for text, link in deep.links.items()
                    if 'content/' in (link or ''))
        self.assertEqual(b'content', self.visitor.get(content).content)
        for page in (self.index(), self.visitor.get(where), listing, deep,
                     self.visitor.get(base.BACKUPS + 'create/'),
                     self.visitor.get(where + 'restore/'),
                     self.visitor.get(where + 'restore_files/', path='/'),
                     self.visitor.get(where, tab='share_backup__warnings')):
            self.assertEqual(200, page.status)
            # Horizon escapes what there is to choose from twice.
            self.assertRegex(page.text, '(<|&lt;)script(>|&gt;)alert')
            self.assertNotIn('<script>alert', page.html)
            self.assertNotIn('\u202e', page.text)
            self.assertNotIn('\x07', page.text)
        self.assertIn(base.SHOWN, self.index().text)
        page = self.act(f'share_backups__delete__{backup["id"]}')
        self.assertNotIn('<script>alert', page.html)
        self.cloud.wait_backup(backup['id'], None, self.token)

    def test_pages(self):
        """Lists longer than a page, and filters."""
        share = self.create_share()
        for name in ('first', 'second', 'third'):
            self.backed_up(share, name=name)
        self.visitor.session.cookies.set('API_RESULT_PAGE_SIZE', '2')
        page = self.index()
        self.assertIn('third', page.text)
        self.assertNotIn('first', page.text)
        following, = (link for text, link in page.links.items()
                      if text.startswith('Next'))
        page = self.index(where=base.BACKUPS + following)
        self.assertIn('first', page.text)
        self.assertNotIn('third', page.text)
        preceding, = (link for text, link in page.links.items()
                      if text.endswith('Prev'))
        self.assertIn('third', self.index(
            where=base.BACKUPS + preceding).text)
        page = self.visitor.submit(
            page, base.BACKUPS, share_backups__filter__q='irs',
            share_backups__filter__q_field='name~')
        self.assertIn('first', page.text)
        self.assertNotIn('second', page.text)

    def test_reader(self):
        """A user who may only read is offered nothing else, and refused it."""
        share = self.create_share(a='first')
        backup = self.backed_up(share, name='monday')
        reader = self.signed_in(self.new_user('reader'))
        page = self.index(reader)
        self.assertIn('monday', page.text)
        for text in ('Create Share Backup', 'Restore', 'Delete', 'Edit',
                     'Metadata'):
            self.assertNotIn(text, page.text)
        where = f'{base.BACKUPS}{backup["id"]}/'
        page = reader.get(where + 'restore/')
        page = reader.submit(page, '/restore/')
        page = reader.submit(page, '/restore/', confirm='on')
        self.assertNotIn('Restoring share backup', page.text)
        self.assertEqual('available', self.cloud.show_backup(
            backup['id'], self.token)['status'])

    def test_stranger(self):
        """Another project's backup is not there."""
        backup = self.backed_up(self.create_share(), name='monday')
        self.project += '-other'
        stranger = self.signed_in(self.new_user('member'))
        self.assertNotIn('monday', self.index(stranger).text)
        page = stranger.get(f'{base.BACKUPS}{backup["id"]}/')
        self.assertNotIn('monday', page.text)
        self.assertIn('Unable to retrieve the share backup.', page.text)

    def test_nobody(self):
        """A visitor who has not signed in is asked to."""
        self.visitor.session.cookies.clear()
        for where in ('', 'create/', 'x/', 'x/restore/', 'x/files/',
                      'x/content/'):
            page = self.visitor.get(base.BACKUPS + where)
            self.assertIn('/auth/login/', page.url)

    def test_wrong(self):
        """A page says what can't be done."""
        share = self.create_share()
        page = self.visitor.get(base.BACKUPS + 'create/')
        page = self.visitor.submit(page, '/create/', share=share['id'],
                                   options='level=9')
        self.assertIn('Unable to create the share backup.', page.text)
        page = self.visitor.submit(page, '/create/', options='level')
        self.assertIn('Each line has to be KEY=VALUE.', page.text)
        self.assertEqual([], self.backups())


class CancelTest(base.TestCase):
    """With workers of its own, which are stopped."""

    def test_cancel(self):
        """A backup that nobody makes is shown as such, and cancelled."""
        share = self.create_share(a='first')
        self.cloud.processes[-1].stop()
        # Whatever comes of this, the next test needs one.
        absence = contextlib.ExitStack()
        absence.callback(self.cloud.start_worker)
        self.addCleanup(absence.close)
        backup = self.cloud.create_backup(share['id'], self.token,
                                          name='monday')
        page = self.index()
        self.assertIn('Creating', page.text)
        self.assertIn('0%', page.text)
        # What Horizon's script asks for until it is over.
        self.assertIn('ajax-update warning', self._row(backup))
        where = f'{base.BACKUPS}{backup["id"]}/'
        page = self.visitor.get(where, tab='share_backup__operations')
        self.assertIn('create queued', page.text)
        page = self.act(f'share_backups__cancel__{backup["id"]}')
        self.assertIn('Asked to cancel operation of: monday', page.text)
        absence.close()
        self.cloud.wait_backup(backup['id'], 'error', self.token)
        self.assertIn('status_down', self._row(backup))
        page = self.visitor.get(where, tab='share_backup__operations')
        self.assertIn('create cancelled', page.text)

    def _row(self, backup):
        page = self.visitor.fetch(
            base.BACKUPS, action='row_update', table='share_backups',
            obj_id=backup['id'])
        self.assertEqual(200, page.status, page.text)
        return page.html
