# SPDX-License-Identifier: Apache-2.0
"""Processes of the service, and what a host is said to have."""

import sqlalchemy as sa
import testtools

from manila_backup.db import models
from manila_backup.db import services
from manila_backup.db import sqltime
from tests.unit.api import base

DOWN = 60.0


class Services(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.database = self.useFixture(base.Api()).database

    def beat(self, identity, host='here', binary='worker', zone='z'):
        self.database.write(services.beat, identity, DOWN, binary=binary,
                            host=host, availability_zone=zone)

    def silence(self, identity, seconds=61):
        self.database.write(lambda conn: conn.execute(
            sa.update(models.services).where(
                models.services.c.identity == identity).values(
                    last_seen=sqltime.utc_in(-seconds))))

    def identities(self):
        return sorted(row.identity for row in self.database.read(
            services.list_all, DOWN))

    def hosts(self):
        return [(each.binary, each.host, each.up)
                for each in self.database.read(services.list_hosts, DOWN)]

    def test_a_host_with_several_is_one(self):
        for each in 'a', 'b', 'c':
            self.beat(each)
        self.beat('d', host='there')
        self.beat('e', binary='other')
        self.assertEqual([('other', 'here', True), ('worker', 'here', True),
                          ('worker', 'there', True)], self.hosts())
        self.assertEqual(list('abcde'), self.identities())

    def test_it_is_up_if_any_is(self):
        self.beat('a', zone='old')
        self.beat('b', zone='new')
        first, = self.database.read(services.list_hosts, DOWN)
        self.silence('a')
        found, = self.database.read(services.list_hosts, DOWN)
        self.assertTrue(found.up)
        self.assertEqual('new', found.availability_zone)
        self.assertEqual(first.id, found.id)
        self.silence('b', 62)
        found, = self.database.read(services.list_hosts, DOWN)
        self.assertEqual((False, 'old', first.id),
                         (found.up, found.availability_zone, found.id))

    def test_dead_ones_go_when_one_like_them_lives(self):
        for each, host in (('a', 'here'), ('b', 'here'), ('c', 'there')):
            self.beat(each, host)
        self.beat('d', binary='other')
        for each in 'abcd':
            self.silence(each)
        # It was only frozen.
        self.beat('b')
        self.assertEqual(list('bcd'), self.identities())
        self.beat('e', 'there')
        self.assertEqual(list('bde'), self.identities())
        self.beat('c', 'there')
        self.assertEqual(list('bcde'), self.identities())
