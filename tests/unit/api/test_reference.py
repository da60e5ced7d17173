# SPDX-License-Identifier: Apache-2.0
"""The API reference describes what the service declares, and nothing else."""

import json
import os
import re

import fixtures
from oslotest import base as test_base
import yaml

from manila_backup.api import handlers
from manila_backup.api import openapi
from manila_backup.api import operation
from manila_backup.api.schemas import shares as share_schemas
from tests.unit.api import base

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

SOURCE = os.path.join(ROOT, 'api-ref', 'source')

_METHOD = re.compile(r'^\.\. rest_method:: (\S+) (\S+)$', re.MULTILINE)
_SAMPLE = re.compile(r'^ *\.\. literalinclude:: samples/(\S+)$',
                     re.MULTILINE)
_CODES = re.compile(r'rest_status_code:: success .*\n\n((?:   - .*\n)+)')
_REQUEST = re.compile(
    r'^Request\n-+\n\n\.\. rest_parameters:: .*\n\n((?:   - .*\n)+)',
    re.MULTILINE)
_ITEM = re.compile(r'^   - (\S+?)(?:: \S+)?$', re.MULTILINE)


class Section:
    """Section of the reference, about one operation.

    :param method: str.
    :param path: str.
    :param text: str, from there to the next operation.
    """

    def __init__(self, method, path, text):
        self.key = method, path
        self.samples = _SAMPLE.findall(text)
        self.codes = {int(code) for found in _CODES.findall(text)
                      for code in _ITEM.findall(found)}
        self.parameters = {name for found in _REQUEST.findall(text)
                           for name in _ITEM.findall(found)}

    def actions(self):
        """The members of the bodies that it has samples of, as a set."""
        return {name for sample in self.samples
                if sample.endswith('-request.json')
                for name in read_sample(sample)}


def read_sample(name):
    """A sample of the reference, decoded."""
    with open(os.path.join(SOURCE, 'samples', name)) as file:
        return json.load(file)


class TestReference(test_base.BaseTestCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sections, cls.samples = [], set()
        for name in sorted(os.listdir(SOURCE)):
            if not name.endswith(('.inc', '.rst')):
                continue
            with open(os.path.join(SOURCE, name)) as file:
                text = file.read()
            cls.samples.update(_SAMPLE.findall(text))
            parts = _METHOD.split(text)[1:]
            cls.sections.extend(map(Section, parts[::3], parts[1::3],
                                    parts[2::3]))

    def setUp(self):
        super().setUp()
        conf = base.make_conf(self.useFixture(fixtures.TempDir()).path)
        self.declared = {
            (method, f'/v2{path}'): each
            for path, methods in handlers.routes(conf).items()
            for method, each in methods.items()}
        public = openapi.document({}, 'noauth')['paths']
        self.public = {(method.upper(), path)
                       for path, item in public.items() for method in item}

    def _of(self, key):
        return [section for section in self.sections if section.key == key]

    def test_operations(self):
        self.assertEqual(sorted({*self.declared, *self.public}),
                         sorted({each.key for each in self.sections}))
        for key, each in self.declared.items():
            if not isinstance(each, operation.Actions):
                self.assertEqual(1, len(self._of(key)), key)

    def test_actions(self):
        for key, each in self.declared.items():
            if not isinstance(each, operation.Actions):
                continue
            # What went with an old version is mentioned at most.
            names = [name for name, action in each.actions.items()
                     if action.until is None]
            documented = [name for section in self._of(key)
                          for name in section.actions()]
            self.assertEqual(sorted(names), sorted(documented), key)

    def test_codes(self):
        for key, each in self.declared.items():
            codes = {code for code, _schema in openapi.answers_of(each)}
            documented = set()
            for section in self._of(key):
                documented |= section.codes
            self.assertEqual(codes, documented, key)

    def test_parameters(self):
        for key, each in self.declared.items():
            method, path = key
            expected = set(re.findall('{(.+?)}', path))
            if method == 'GET':
                expected |= {*(each.query or ())} - {*share_schemas.NEVER}
            for section in self._of(key):
                missing = expected - section.parameters
                self.assertEqual(set(), missing, key)
                if method in ('GET', 'DELETE'):
                    self.assertEqual(expected, section.parameters, key)

    def test_order_of_parameters(self):
        """Parameters stand as Sphinx demands: by where they are, and in the
        order of their names there."""
        with open(os.path.join(SOURCE, 'parameters.yaml')) as file:
            names = {}
            for name, each in yaml.safe_load(file).items():
                names.setdefault(each['in'], []).append(name)
        self.assertEqual(
            sorted(names, key=('header', 'path', 'query', 'body').index),
            list(names))
        for each in names.values():
            self.assertEqual(sorted(each), each)

    def test_samples(self):
        self.assertEqual(
            sorted(os.listdir(os.path.join(SOURCE, 'samples'))),
            sorted(self.samples))
