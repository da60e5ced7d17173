# SPDX-License-Identifier: Apache-2.0
"""Count what the last test runs did: ``N passed, N failed, N skipped``.

usage: count_tests.py REPOSITORY...

Each argument is a stestr repository; the last run in each is read from its
subunit stream, so that the counts are what happened and not what a program
said in passing. What failed tests said last and then their names, with the
last line of each, come before the counts: of a long output, it is the end that
is kept. The exit code is 0 if at least one test ran and none failed.
"""

import itertools
import os
import sys

from stestr.repository import file as stestr_file
import subunit
import testtools

# A test that began and never ended was cut short: its process died.
FAILED = ('fail', 'uxsuccess', 'inprogress', 'unknown')
PASSED = ('success', 'xfail')

#: Lines of what a failed test said: of a traceback, of anything else (logs).
TRACEBACK, OTHER = 16, 4

#: Characters of the line that stands beside a failed test's name in the end.
LINE = 300


def outcomes(repository):
    """Outcome of every test in the last run of ``repository``, as dict
    of name to testtools' dict of it."""
    found = {}

    def remember(test):
        # An import error in a test module arrives as a test too. What was
        # only listed ('exists') has not run.
        if test['status'] != 'exists':
            found[test['id']] = test

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


def last_words(test):
    """The last lines of all that a test has said in text, tracebacks last."""
    found = []
    for name, each in sorted(test['details'].items(),
                             key=lambda item: 'traceback' in item[0]):
        if each.content_type.type == 'text':
            lines = TRACEBACK if 'traceback' in name else OTHER
            found += [f'{name}:', *each.as_text().splitlines()[-lines:]]
    return found


def main(repositories):
    passed, skipped = 0, 0
    failed = []
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
        for name, test in sorted(found.items()):
            status = test['status']
            if status in PASSED:
                passed += 1
            elif status == 'skip':
                skipped += 1
            else:
                words = last_words(test)
                print(f'{status}: {name}', *words, sep='\n    ')
                failed.append([f'{status}: {name}', *(
                    f'    {line[:LINE]}' for line in words[-1:])])
    print(*itertools.chain(*failed), f'{passed} passed, {len(failed)} failed, '
          f'{skipped} skipped', sep='\n')
    return 1 if missing or failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
