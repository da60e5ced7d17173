# SPDX-License-Identifier: Apache-2.0
"""Look at the message of a commit.

usage: check_message.py FILE

The subject has at most 72 characters, then comes an empty line, then a body
with the reason. Prints a line for each fault; the exit code is 0 if there is
none. What git made itself (merges, reverts, fixups) passes.
"""

import re
import sys

SUBJECT = 72

#: git writes the subject of these, and the reason may be in another commit.
GIVEN = re.compile(r'(Merge|Revert|fixup!|squash!|amend!) ')

#: Not a reason.
TRAILER = re.compile(r'[A-Z][A-Za-z-]+: ')

#: What is below is the diff that "git commit -v" shows.
SCISSORS = re.compile(r'# -+ >8 -+$', re.M)


def faults(text):
    """List the faults of a message, as list of str."""
    lines = [line.rstrip() for line in
             SCISSORS.split(text)[0].splitlines() if line[:1] != '#']
    subject, rest = lines[0] if lines else '', lines[1:]
    if GIVEN.match(subject):
        return []
    found = []
    if not subject:
        found.append('The subject is empty.')
    if len(subject) > SUBJECT:
        found.append(f'The subject has {len(subject)} characters, which is '
                     f'more than {SUBJECT}.')
    if rest and rest[0]:
        found.append('The line after the subject is not empty.')
    if not any(line and not TRAILER.match(line) for line in rest):
        found.append('There is no body that gives the reason.')
    return found


def main(path):
    with open(path) as file:
        found = faults(file.read())
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
