# SPDX-License-Identifier: Apache-2.0
"""What was asked for, and what must have come of it."""

import collections
import dataclasses
import threading


@dataclasses.dataclass
class Known:
    """A share's content that was looked at.

    :ivar tree: what :func:`tests.soak.trees.walk` found.
    """

    tree: dict


@dataclasses.dataclass
class Restored:
    """A share's content after a restore was admitted.

    :ivar user: of the request.
    :ivar before: the content it had then.
    :ivar after: that of the backup.
    """

    user: str
    before: object
    after: object


@dataclasses.dataclass(eq=False)
class Backup:
    """A backup that was admitted.

    :ivar content: its share's, then.
    :ivar deletions: the users who asked for its deletion and were let in.
    """

    id: str
    name: str
    user: str
    share: object
    content: object
    deletions: list = dataclasses.field(default_factory=list)


class Share:
    """A share.

    :ivar lock: held by whoever asks something about the share or its
        backups, or changes its content, until it is known what came of it.
        So it is known what content an operation found.
    :ivar backups: those that may exist.
    :ivar weight: how often it is chosen, in relation to others.
    """

    def __init__(self, id_, project, path, content, weight=1):
        self.id = id_
        self.weight = weight
        self.project = project
        self.path = path
        self.content = content
        self.backups = []
        self.lock = threading.Lock()


def resolve(content, service, status='available'):
    """What a share's content has become, now that nothing is running on it.

    :param status: the share's. It is available if each restore that was
        called off or failed since the last that was done has changed nothing.
    :returns: a :class:`Known`; or None if it can be anything, because a
        restore was called off or failed in its middle.
    """
    while isinstance(content, Restored):
        row = service.operation(content.user)
        if row.status == 'done':
            # A backup is made of what is available.
            content, status = content.after, 'available'
        elif status == 'available' or (
                row.status == 'cancelled' and not row.attempt):
            content = content.before
        else:
            return None
    return content


class Tally:
    """What happened, and what should not have."""

    def __init__(self):
        self._lock = threading.Lock()
        self.counts = collections.Counter()
        self.violations = []

    def count(self, group, kind, outcome=''):
        """Count something that happened."""
        with self._lock:
            self.counts[group, kind, outcome] += 1

    def violation(self, text):
        """Note something that must not happen."""
        with self._lock:
            self.violations.append(text)
        print(f'VIOLATION: {text}', flush=True)

    def report(self):
        """The counts as text."""
        groups = {}
        for (group, kind, outcome), number in sorted(self.counts.items()):
            groups.setdefault(group, {}).setdefault(kind, []).append(
                f'{number} {outcome}'.strip())
        lines = []
        for group, kinds in groups.items():
            lines.append(f'{group}:')
            lines += [f'  {kind:24} {", ".join(said)}'
                      for kind, said in kinds.items()]
        return '\n'.join(lines)
