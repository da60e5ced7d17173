# SPDX-License-Identifier: Apache-2.0
"""Lower bounds of what is depended on: no release below which one with a
published vulnerability would be let in."""

import os
import re

from oslotest import base

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

FILES = ('requirements.txt', 'test-requirements.txt', 'setup.cfg',
         'tools/keystone-requirements.txt', 'tools/manila-requirements.txt')

#: The first releases without a vulnerability, and which one it is.
SOUND = {
    'cryptography': ('44.0.1', 'CVE-2024-12797'),
    'flask': ('3.1.1', 'CVE-2025-47278'),
    'flask-cors': ('6.0.0', 'CVE-2024-6839'),
    'keystonemiddleware': ('10.7.2', 'CVE-2026-22797'),
    'pymysql': ('1.1.1', 'CVE-2024-36039'),
    'pyyaml': ('5.4', 'CVE-2020-14343'),
    'requests': ('2.32.4', 'CVE-2024-47081'),
    'waitress': ('3.0.1', 'CVE-2024-49768'),
    'webob': ('1.8.8', 'CVE-2024-42353'),
}


def number(text):
    """A release as something to compare."""
    return tuple(map(int, text.split('.')))


class TestBounds(base.BaseTestCase):

    def test_no_vulnerable_release_is_let_in(self):
        seen = set()
        for name in FILES:
            with open(os.path.join(ROOT, name)) as file:
                found = re.findall(
                    r'^\s*([A-Za-z0-9._-]+)(?:\[[a-z0-9,]+\])?'
                    r'\s*[>=]=\s*([0-9.]+)', file.read(), re.MULTILINE)
            for package, bound in found:
                package = package.lower().replace('_', '-')
                if package in SOUND:
                    sound, why = SOUND[package]
                    seen.add(package)
                    self.assertGreaterEqual(
                        number(bound), number(sound),
                        f'{name}: {package} {bound} has {why}')
        self.assertEqual(set(SOUND), seen)
