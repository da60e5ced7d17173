# SPDX-License-Identifier: Apache-2.0
"""Model of what was asked for, and of what must have come of it."""

import collections
import dataclasses
import threading

from tests.soak import trees


@dataclasses.dataclass
class Known:
    """A share's content that was looked at.

    :ivar tree: what :func:`tests.soak.trees.walk` found.
    :ivar optional: frozenset of paths of directories that may be missing,
        with all that is in them.
    """

    tree: dict
    optional: frozenset = frozenset()

    def differences(self, found):
        """As of :func:`tests.soak.trees.differences`.

        :param found: what a walk found.
        """
        missing = [path for path in self.optional if path not in found]
        return trees.differences({
            path: facts for path, facts in self.tree.items()
            if not any(trees.is_below(path, each) for each in missing)},
            found)


@dataclasses.dataclass
class Beside:
    """A share's content after a restore of all of a backup to a directory of
    its own was admitted.

    :ivar user: of the request.
    :ivar before: the content it had then.
    :ivar after: that of the backup.
    :ivar name: str, the directory's.
    """

    user: str
    before: object
    after: object
    name: str


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
    :ivar beside: int, how many backups are restored beside what was in it.
    """

    def __init__(self, id_, project, path, content, weight=1):
        self.id = id_
        self.weight = weight
        self.project = project
        self.path = path
        self.content = content
        self.beside = 0
        self.backups = []
        self.lock = threading.Lock()


def resolve(content, service, status='available'):
    """Resolve what a share's content has become, now that nothing is running
    on it.

    :param status: the share's. It is available if each restore that was
        called off or failed since the last that was done has changed nothing.
    :returns: a :class:`Known`; or None if it can be anything, because a
        restore was called off or failed in its middle.
    """
    while isinstance(content, Restored | Beside):
        if isinstance(content, Beside):
            return _beside(content, service, status)
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


def _beside(content, service, status):
    """As of :func:`resolve`, of a restore beside what there was. It leaves all
    else alone, and its directory is there as a whole or not at all."""
    before = resolve(content.before, service, status)
    row = service.operation(content.user)
    if before is None or (row.status == 'cancelled' and not row.attempt):
        return before
    added = resolve(content.after, service)
    return Known(
        {**before.tree, **trees.moved(added.tree, content.name)},
        before.optional | {f'{content.name}/{path}'
                           for path in added.optional}
        | (frozenset() if row.status == 'done' else {content.name}))


class Tally:
    """Tally of what happened, and of what should not have."""

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
