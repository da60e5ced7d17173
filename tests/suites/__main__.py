# SPDX-License-Identifier: Apache-2.0
"""Runs test suites of others, unmodified, against Keystone and this service.

usage: python -m tests.suites NAME [ARGUMENT...]

NAME is tempest or client-functional, the arguments are its runner's. The last
line counts what happened.
"""

import sys

from tests.suites import client
from tests.suites import tempest

SUITES = {each.name: each for each in (client.Client, tempest.Tempest)}


def main(name, *args):
    return SUITES[name]().run(args)


if __name__ == '__main__':
    if len(sys.argv) < 2 or sys.argv[1] not in SUITES:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
