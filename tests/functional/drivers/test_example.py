# SPDX-License-Identifier: Apache-2.0
"""The driver that the documentation shows."""

import glob
import importlib.util
import os
import sys

from manila_backup.drivers.conformance import limits
from manila_backup.drivers.conformance import suite

ROOT = os.path.dirname(os.path.abspath(__file__))
PATH = os.path.join(ROOT, *[os.pardir] * 3, 'doc', 'source', 'contributor',
                    'example_driver.py')


def load():
    """The module, as if it were installed."""
    spec = importlib.util.spec_from_file_location('example_driver', PATH)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ExampleTest(suite.Conformance):

    LACKS = frozenset((limits.Limit.HOLES, limits.Limit.LONG_PATHS))
    # rsync and tar take a minute for as many as the others have.
    DEPTH = 100

    def make_driver(self):
        self.repository = os.path.join(self.scratch, 'repository')
        made = load().RsyncDriver(self.repository)
        made.ignore = self.IGNORED
        return made

    def damages(self):
        def on(function, name):
            def damage(place):
                found, = glob.glob(os.path.join(
                    self.repository, f'published+*+{place.backup_id}', name))
                function(found)
            return damage

        return {'a file cut': on(lambda path: os.truncate(path, 1),
                                 'data/d0/f1'),
                'a file removed': on(os.unlink, 'data/d2/f0'),
                'another mode': on(lambda path: os.chmod(path, 0o777),
                                   'data/d2/f0'),
                'what is known of it changed': on(
                    lambda path: os.truncate(path, 10), 'about'),
                'no digest': on(os.unlink, 'digest')}
