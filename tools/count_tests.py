# SPDX-License-Identifier: Apache-2.0
"""Count what the last test runs did: ``N passed, N failed, N skipped``.

usage: count_tests.py REPOSITORY...

Each argument is a stestr repository; the last run in each is read from its
subunit stream, so that the counts are what happened and not what a program
said in passing. The exit code is 0 if at least one test ran and none failed.
"""

import os
import sys

from stestr.repository import file as stestr_file
import subunit
import testtools

# A test that began and never ended was cut short: its process died.
FAILED = ('fail', 'uxsuccess', 'inprogress', 'unknown')
PASSED = ('success', 'xfail')


def outcomes(repository):
    """The outcome of every test in the last run of ``repository``."""
    found = {}

    def remember(test):
        # An import error in a test module arrives as a test too. What was
        # only listed ('exists') has not run.
        if test['status'] != 'exists':
            found[test['id']] = test['status']

    result = testtools.StreamToDict(remember)
    stream = stestr_file.RepositoryFactory().open(
        repository).get_latest_run().get_subunit_stream()
    result.startTestRun()
    try:
        subunit.ByteStreamToStreamResult(
            stream, non_subunit_name='stdout').run(result)
    finally:
        result.stopTestRun()
        stream.close()
    found.pop('stdout', None)
    return found


def main(repositories):
    passed, failed, skipped = 0, 0, 0
    missing = False
    for repository in repositories:
        if not os.path.isdir(repository):
            print(f'no result in {repository}')
            missing = True
            continue
        try:
            found = outcomes(repository)
        except KeyError:
            print(f'no run recorded in {repository}')
            missing = True
            continue
        for name, status in sorted(found.items()):
            if status in PASSED:
                passed += 1
            elif status == 'skip':
                skipped += 1
            else:
                failed += 1
                print(f'{status}: {name}')
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    return 1 if missing or failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
