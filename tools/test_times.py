# SPDX-License-Identifier: Apache-2.0
"""Have stestr give its processes about the same to do, at the first run too.

usage: test_times.py seed REPOSITORY FILE
       test_times.py learn FILE REPOSITORY...

``seed`` makes a stestr repository that knows how long tests take, from a file
with a line for each that takes long: seconds, and the test's name. ``learn``
writes that file from the last run in each of some repositories. A test that is
not in the file, or not there any more, does no harm.
"""

from dbm import dumb
import os
import sys

from stestr.repository import file as stestr_file

import count_tests

#: Seconds of a test that is worth a line.
LONG = 2.0


def seed(repository, path):
    os.makedirs(repository, exist_ok=True)
    stestr_file.RepositoryFactory().initialise(repository)
    with open(path) as file, dumb.open(
            os.path.join(repository, '.stestr', 'times.dbm'), 'c') as times:
        for line in file:
            seconds, name = line.split(maxsplit=1)
            times[name.strip()] = seconds


def learn(path, *repositories):
    took = {}
    for repository in repositories:
        for name, test in count_tests.outcomes(repository).items():
            began, ended = test['timestamps']
            if began and ended:
                took[name] = (ended - began).total_seconds()
    with open(path, 'w') as file:
        for name in sorted(took):
            if took[name] >= LONG:
                file.write(f'{took[name]:.0f} {name}\n')


if __name__ == '__main__':
    {'seed': seed, 'learn': learn}[sys.argv[1]](*sys.argv[2:])
