# SPDX-License-Identifier: Apache-2.0
"""The pages, in a real browser on a real service."""

import functools
import os
import re
import signal
import uuid

from axe_playwright_python import sync_playwright
from playwright import sync_api
import sqlalchemy as sa

from tests.functional import cloud
from tests.functional import pages

#: A name that would do something if it were taken for markup.
MARKUP = '<img src=x onerror=alert(1)>'

#: Written from the right to the left from within, and back.
RIGHT_TO_LEFT = 'safe\u202etxt.exe'

#: Names that no page may be broken by, as bytes.
NAMES = (MARKUP.replace('/', '').encode(), RIGHT_TO_LEFT.encode(),
         b'bad\xff', b'line\nbreak', b'tab\there', b"it's \"quoted\" & so on",
         b'{{ 7 * 7 }}', b'%2e%2e')

expect = sync_api.expect


class Pages(pages.PagesTestCase):

    def test_first_steps(self):
        """From the share to its backup, its files, and back."""
        share = self.create_share()
        path = self.cloud.share_path(share['id'])
        made = self.fill(path, 300, 30000)
        page = self.page
        page.reload()
        page.get_by_role('link', name='1 without a policy').click()
        page.get_by_role('link', name='a share').click()
        page.get_by_label('Name').fill('monday')
        page.get_by_role('button', name='Back up now').click()
        expect(page.get_by_role('status')).to_have_text(
            'The backup has been queued.')
        # Without being loaded again.
        page.evaluate('window.same = true')
        row = self.rows('operations')
        expect(row.get_by_text('done')).to_be_visible()
        self.assertTrue(page.evaluate('window.same'))
        backup_page = page.url.partition('?')[0]
        page.goto(backup_page)
        expect(page.get_by_text('in 310 entries')).to_be_visible()

        page.get_by_role('link', name='Browse files').click()
        page.get_by_role('link', name='d3/').click()
        expect(page.get_by_text('f103', exact=True)).to_be_visible()
        with page.expect_download() as found:
            page.get_by_role('link', name='f103', exact=True).click()
        self.assertEqual('f103', found.value.suggested_filename)
        with open(found.value.path(), 'rb') as file:
            self.assertEqual(made['d3/f103'], file.read())
        page.get_by_label('Find below').fill('f20*')
        page.get_by_role('button', name='Find').click()
        expect(page.get_by_text('/d3/f203', exact=True)).to_be_visible()
        expect(page.get_by_text('/d4/f204', exact=True)).to_have_count(0)
        page.get_by_role('row', name='/d3/f203').get_by_role(
            'link', name='Versions').click()
        expect(self.rows('versions')).to_have_count(1)
        expect(self.rows('versions')).to_contain_text('29.3 KiB')

        page.goto(backup_page)
        page.get_by_role('link', name='Delete…').click()
        page.get_by_role('button', name='Delete').click()
        expect(page.get_by_role('status')).to_have_text(
            'The deletion has been queued.')
        cloud.eventually('its end', lambda: not self.backups())

    def test_cancel_and_failures(self):
        """A backup that its user cancels ends at once, and says so."""
        share = self.create_share()
        # Nobody works on it meanwhile.
        self.worker.signal(signal.SIGSTOP)
        self.addCleanup(self.worker.signal, signal.SIGCONT)
        backup = self.cloud.create_backup(share['id'], self.token,
                                          name='tuesday')
        self.page.goto('/ui/operations')
        expect(self.page.get_by_text('queued').last).to_be_visible()
        self.page.goto(f'/ui/backups/{backup["id"]}')
        self.page.get_by_role('button', name='Cancel').first.click()
        self.cloud.wait_backup(backup['id'], 'error', self.token)
        self.page.goto('/ui/')
        problem = self.page.get_by_role('listitem').filter(
            has_text='tuesday')
        self.page.get_by_role('link', name='messages').click()
        expect(self.page.get_by_text('There are none.')).to_be_visible()
        self.page.go_back()
        expect(problem).to_contain_text('cancelled')
        expect(problem.get_by_role(
            'link', name='Back the share up again')).to_be_visible()

    def test_policies(self):
        """A policy from its form to its runs and the simulator."""
        share = self.create_share()
        page = self.page
        page.goto('/ui/policies')
        page.get_by_label('Name').fill('silver')
        page.get_by_label('When').fill('every day')
        page.get_by_role('button', name='Create').click()
        expect(page.get_by_role('alert')).to_contain_text('cron')
        # What was entered is still there.
        page.get_by_label('When').fill('30 2 * * *')
        page.get_by_label('last').fill('2')
        page.get_by_label('daily').fill('1')
        page.get_by_label('weekly').fill('0')
        page.get_by_label('monthly').fill('0')
        page.get_by_role('button', name='Create').click()
        expect(page.get_by_text('Keeps the last 2; the last of one daily')
               ).to_be_visible()
        page.get_by_label('Which').fill(share['id'])
        page.get_by_role('button', name='Assign').click()
        expect(page.locator(f'a[href="/ui/shares/{share["id"]}"]')
               ).to_have_text('a share')
        for number in (1, 2):
            page.get_by_role('button', name='Run now').click()
            expect(page.get_by_role('status')).to_be_visible()
            cloud.eventually('the run', functools.partial(
                self._are_made, number))
        page.reload()
        runs = self.rows('runs')
        expect(runs).to_have_count(2)
        self._filter_runs(page)
        page.get_by_role('link', name='Simulate retention').click()
        expect(page.get_by_role('img')).to_be_visible()
        page.get_by_text('2 of 2 stay').click()
        expect(page.get_by_text('daily (').first).to_be_visible()
        self._change_policy(page)
        page.goto('/ui/shares?protected=true')
        expect(page.get_by_role('link', name='bronze')).to_be_visible()
        page.get_by_role('link', name='a share').click()
        expect(page.get_by_text('Policies: bronze; next backup in')
               ).to_be_visible()
        for row, kept in enumerate(('last, daily', 'deleted next')):
            expect(self.rows('backups').nth(row).get_by_role(
                'cell', name=kept)).to_be_visible()

    def _filter_runs(self, page):
        """Runs by their status."""
        for status in 'missed', 'done':
            page.locator('select[name=status]').select_option(status)
            page.get_by_role('button', name='Show').click()
            expect(page).to_have_url(re.compile(f'status={status}'))
            # The second run may not have ended yet.
            expect(self.rows('runs').first).to_contain_text(
                'There are none.' if status == 'missed' else status)

    def _change_policy(self, page):
        """One edit of all that the policy has; what deletes is asked."""
        page.get_by_role('link', name='silver').click()
        page.get_by_role('link', name='Change…').click()
        page.get_by_label('Name', exact=True).fill('bronze')
        new = page.get_by_role('group', name='One more rule')
        new.get_by_label('Name of the rule').fill('weekly')
        new.get_by_label('When').fill('on Sundays')
        page.get_by_label('last', exact=True).fill('1')
        page.get_by_role('button', name='Save').click()
        expect(page.get_by_role('alert')).to_contain_text('cron')
        # What was entered is still there.
        expect(new.first.get_by_label('Name of the rule')
               ).to_have_value('weekly')
        new.first.get_by_label('When').fill('0 3 * * 0')
        page.get_by_role('button', name='Save').click()
        expect(page.get_by_role('heading', name='Delete 1 backup?')
               ).to_be_visible()
        self.assertEqual(2, self.backups())
        page.get_by_role('button', name='Save, and delete 1 backup').click()
        expect(page.get_by_role('heading', name='bronze')).to_be_visible()
        expect(page.get_by_text('0 3 * * 0')).to_be_visible()
        expect(page.get_by_text('30 2 * * *')).to_be_visible()
        expect(page.get_by_text('Keeps the last 1; the last of one daily')
               ).to_be_visible()
        # The rule is removed again by what is left of it.
        page.get_by_role('link', name='Change…').click()
        page.get_by_label('Time zone of days').fill('Asia/Tokyo')
        gone = page.get_by_role('group', name='Rule weekly')
        gone.get_by_label('Name of the rule').fill('')
        gone.get_by_label('When').fill('')
        page.get_by_role('button', name='Save').click()
        # The retention that deletes it is applied once an hour.
        page.get_by_role('button', name='Save, and delete 1 backup').click()
        expect(page.get_by_text('every day at 02:30 (30 2 * * *) in '
                                'Asia/Tokyo')).to_be_visible()
        expect(page.get_by_text('0 3 * * 0')).to_have_count(0)

    def _are_made(self, number):
        return number == self.backups() and self.at_rest()

    def test_hostile_names(self):
        """Names are text, whatever is in them."""
        share = self.cloud.ask(200, 'POST', '/shares', {'share': {
            'share_proto': 'NFS', 'size': 1, 'name': MARKUP}},
            token=self.token)['share']
        self.cloud.wait_share(share['id'], 'available', token=self.token)
        path = self.cloud.share_path(share['id']).encode()
        for name in NAMES:
            os.mkdir(os.path.join(path, name))
            with open(os.path.join(path, name, name), 'wb'):
                pass
            os.symlink(name, os.path.join(path, name + b'.link'))
        backup = self.backed_up(share, name=MARKUP,
                                description=RIGHT_TO_LEFT)
        for name in NAMES:
            with open(os.path.join(path, name, name), 'wb') as file:
                file.write(b'more')
        later = self.backed_up(share, name=MARKUP)
        policy = self.policy(share, name=MARKUP, description=MARKUP)
        # So that the overview and the simulator have their names.
        self._execute(
            "UPDATE share_backups SET result = 'incomplete', "
            'missing_count = 1, policy_id = :policy, due_at = created_at '
            'WHERE id = :id', policy=policy['id'], id=backup['id'])
        for address in ('', 'shares', f'shares/{share["id"]}', 'backups',
                        f'backups/{backup["id"]}', 'policies',
                        f'policies/{policy["id"]}', 'operations',
                        f'policies/{policy["id"]}/edit',
                        f'policies/{policy["id"]}/simulate',
                        f'backups/{backup["id"]}/restore',
                        f'backups/{later["id"]}/changes'):
            answer = self.page.goto(f'/ui/{address}')
            self.assertEqual(200, answer.status, address)
            self.assertEqual(0, self.page.locator('img').count(), address)
        # Where the last one of those leads.
        self._changed_names()
        self.page.goto(f'/ui/shares/{share["id"]}')
        expect(self.page.get_by_text(MARKUP).first).to_be_visible()
        # Each can be chosen.
        self.page.goto(f'/ui/backups/{backup["id"]}/files')
        for each in self.page.get_by_role('checkbox').all():
            each.check()
        self.page.get_by_role('button', name='Restore what is').click()
        self.page.get_by_role('button', name='See what it would do').click()
        self.figures(**{'unchanged': len(NAMES),
                        'different in the share': len(NAMES)})
        self.assertEqual(0, self.page.locator('img').count())
        # Each directory can be entered.
        self.page.goto(f'/ui/backups/{backup["id"]}/files')
        links = self.rows('files').locator('.name').get_by_role('link')
        expect(links).to_have_count(len(NAMES))
        for address in [each.get_attribute('href') for each in links.all()]:
            self.assertEqual(200, self.page.goto(address).status)
            rows = self.rows('files')
            expect(rows).to_have_count(1)
            expect(rows).to_contain_text('0 B')
            self.assertEqual(0, self.page.locator('img').count())

    def _changed_names(self):
        """The page of changes has each of the names, and leads to the
        versions of each."""
        links = self.rows('changes').get_by_role('link')
        expect(links).to_have_count(len(NAMES))
        for address in [each.get_attribute('href') for each in links.all()]:
            self.assertEqual(200, self.page.goto(address).status)
            expect(self.rows('versions')).to_have_count(2)
            self.assertEqual(0, self.page.locator('img').count())

    def test_who_may_not(self):
        """A page shows and does what the policy lets its user do."""
        share = self.create_share()
        backup = self.backed_up(share)
        self.assertEqual(403, self.page.goto('/ui/workers').status)
        expect(self.page.get_by_role('link', name='Workers')
               ).to_have_count(0)
        other = self.signed_in('demo', 'other')
        self.assertEqual(404, other.goto(
            f'/ui/backups/{backup["id"]}').status)
        self.assertEqual(404, other.goto(
            f'/ui/backups/{backup["id"]}/files').status)
        reader = self.signed_in('reader')
        reader.goto(f'/ui/shares/{share["id"]}')
        reader.get_by_role('button', name='Back up now').click()
        expect(reader.get_by_role('heading', name='Not done')).to_be_visible()
        self.assertEqual(1, self.backups())
        admin = self.signed_in('admin')
        admin.get_by_role('link', name='Workers').click()
        expect(admin.get_by_role('cell', name='here', exact=True)
               ).to_be_visible()
        admin.get_by_role('link', name='Backups of all projects').click()
        link = f'a[href="/ui/backups/{backup["id"]}"]'
        expect(admin.locator(link)).to_be_visible()
        admin.go_back()
        # What others ask for in vain.
        other.goto('/ui/backups?all=1')
        expect(other.get_by_role('cell', name='There are none.')
               ).to_be_visible()
        self._quotas(admin)
        self.assertEqual(403, self.page.goto(
            '/ui/quotas?project=other').status)

    def test_repositories(self):
        """An administrator sees their room, how long ago what is in them was
        verified, and which hosts can't use them."""
        share = self.create_share()
        for _number in range(3):
            self.backed_up(share)
        self._execute(
            "UPDATE share_backups SET verified_result = 'sound', "
            'verified_at = created_at WHERE project_id = :project',
            project=self.project)
        cloud.eventually('a measurement', lambda: self.cloud.rows(
            'SELECT id FROM repositories WHERE measured_at IS NOT NULL'))
        page = self.page = self.signed_in('admin', viewport={
            'width': 375, 'height': 700})
        page.get_by_role('link', name='Workers').click()
        row = self.rows('repositories')
        expect(row).to_have_count(1)
        expect(row).to_contain_text(self.cloud.repository)
        # The latter is how long ago it was measured and verified.
        for text in ('posix', 'iB', 'newest', 'oldest', ' ago'):
            expect(row).to_contain_text(text)
        expect(page.get_by_text('can\'t be used on')).to_have_count(0)
        self._trouble(page)

    def _execute(self, statement, **values):
        with self.cloud.engine.begin() as conn:
            conn.execute(sa.text(statement), values)

    def _trouble(self, page):
        """Have something be wrong, whose words are none of the page's."""
        self._execute(
            'INSERT INTO repositories (driver, host, problem, looked_at) '
            "VALUES ('posix', 'elsewhere', :problem, CURRENT_TIMESTAMP), "
            "('tape', 'elsewhere', NULL, CURRENT_TIMESTAMP)",
            problem=f'It is {MARKUP}.')
        self.addCleanup(self._execute, "DELETE FROM repositories "
                                       "WHERE host = 'elsewhere'")
        self._execute(
            "UPDATE share_backups SET verified_result = 'damaged' "
            'WHERE project_id = :project', project=self.project)
        page.reload()
        rows = self.rows('repositories')
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text('3 damaged')
        expect(rows.last).to_have_text(re.compile(r'tape\s*(–\s*){3}0'))
        expect(page.get_by_text('can\'t be used on elsewhere')
               ).to_contain_text(MARKUP)
        self.assertEqual(0, page.locator('img').count())

    def _quotas(self, page):
        page.get_by_role('link', name='quotas of a project').click()
        page.get_by_label('Project').fill(self.project)
        page.get_by_role('button', name='Show').click()
        limit = page.get_by_role('textbox', name='backups', exact=True)
        limit.fill('many')
        page.get_by_role('button', name='Save').click()
        expect(page.get_by_role('alert')).to_contain_text('"many"')
        limit.fill('7')
        page.get_by_role('button', name='Save').click()
        expect(page.get_by_role('status')).to_be_visible()
        expect(limit).to_have_value('7')
        page.get_by_role('button', name='Use the usual').click()
        expect(limit).to_have_value('50')

    def test_without_a_script(self):
        """All but what is live works without one."""
        share = self.create_share()
        page = self.signed_in('demo', java_script_enabled=False)
        page.goto(f'/ui/shares/{share["id"]}')
        page.get_by_role('button', name='Back up now').click()
        self.cloud.wait_backup(page.url.rpartition('/')[2].partition('?')[0],
                               'available', self.token)
        page.goto('/ui/operations')
        expect(page.get_by_role('cell', name='done')).to_be_visible()

    def test_forms_of_others(self):
        """A form counts only if a page of this session had it."""
        share = self.create_share()
        target = f'/ui/shares/{share["id"]}/back-up'
        token = self.page.locator('input[name=csrf]').first.input_value()
        ask = self.page.request
        for form, headers in (
                ({}, {}), ({'csrf': 'x' * 32}, {}),
                ({'csrf': token}, {'Origin': 'http://elsewhere.example'}),
                ({'csrf': token}, {'Sec-Fetch-Site': 'cross-site'})):
            answer = ask.post(target, form=form, headers=headers)
            self.assertEqual(403, answer.status, (form, headers))
        self.assertEqual(0, self.backups())
        self.assertEqual(200, ask.post(target, form={'csrf': token}).status)

    def test_what_nobody_asked_for(self):
        """Addresses, parameters and forms that make no sense."""
        share = self.create_share()
        backup = self.backed_up(share)
        token = self.page.locator('input[name=csrf]').first.input_value()
        ask = self.page.request
        for address, status in (
                ('nothing', 404), ('static/../app.py', 404),
                ('static/__init__.py', 404), ('backups/x', 404),
                ('shares/x', 400), ('operations?offset=x', 200),
                ('operations?status=x', 400), ('backups?status=x', 400),
                ('backups?%ff=%ff', 400), ('backups?status=%ff', 400),
                (f'backups/{backup["id"]}/files?path=../..', 400),
                (f'backups/{backup["id"]}/files?path=/none', 404),
                (f'backups/{backup["id"]}/restore?to=x', 200),
                (f'backups/{backup["id"]}/restore?to=other', 400),
                ('backups/x/restore?to=same', 404),
                (f'backups/{backup["id"]}/restore-files', 200),
                (f'backups/{backup["id"]}/restore-files'
                 '?path=../..&conflict=skip', 400),
                (f'backups/{backup["id"]}/restore-files'
                 '?path=/&conflict=x', 400),
                (f'backups/{backup["id"]}/changes', 200),
                (f'backups/{backup["id"]}/changes?since=x', 400),
                (f'backups/{backup["id"]}/changes?since='
                 f'{uuid.UUID(int=1)}', 404),
                (f'shares/{share["id"]}/versions', 200),
                (f'shares/{share["id"]}/versions?path=../..', 400),
                ('shares/x/versions?path=a', 400), ('quotas', 200),
                ('messages?offset=x', 200),
                ('policies/x/edit', 404), ('policies/x/simulate', 404)):
            answer = ask.get(f'/ui/{address}')
            self.assertEqual(status, answer.status, address)
        self.assertEqual(405, ask.post('/ui/backups').status)
        self.assertEqual(413, ask.post('/ui/policies', form={
            'csrf': token, 'name': 'x' * 100000}).status)

    def test_for_everybody(self):
        """Nothing that axe-core finds, in light and dark, and room on a
        narrow screen."""
        share = self.create_share()
        backup = self.backed_up(share, name='monday')
        policy = self.policy(share)
        addresses = ['', 'shares', f'shares/{share["id"]}', 'backups',
                     f'backups/{backup["id"]}', 'operations', 'policies',
                     f'backups/{backup["id"]}/files',
                     f'backups/{backup["id"]}/restore',
                     f'backups/{backup["id"]}/restore?to=same',
                     f'backups/{backup["id"]}/restore?to=new',
                     f'backups/{backup["id"]}/delete',
                     f'backups/{backup["id"]}/restore-files'
                     '?path=/&conflict=skip',
                     f'policies/{policy["id"]}',
                     f'policies/{policy["id"]}/simulate', 'workers',
                     f'policies/{policy["id"]}/edit', 'messages',
                     f'quotas?project={self.project}',
                     f'backups/{backup["id"]}/changes',
                     f'shares/{share["id"]}/versions?path=/none',
                     'sign-in', 'nothing']
        axe = sync_playwright.Axe()
        for scheme in ('light', 'dark'):
            # axe-core writes styles of its own into the page.
            page = self.signed_in('admin', color_scheme=scheme,
                                  bypass_csp=True,
                                  viewport={'width': 375, 'height': 700})
            for address in addresses:
                page.goto(f'/ui/{address}')
                found = axe.run(page)
                self.assertEqual(0, found.violations_count,
                                 f'{address} {scheme}: '
                                 f'{found.generate_report()}')
                wide, seen = page.evaluate(
                    '[document.documentElement.scrollWidth, '
                    'document.documentElement.clientWidth]')
                self.assertLessEqual(wide, seen, address)
