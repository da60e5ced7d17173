# SPDX-License-Identifier: Apache-2.0
"""Assignments: which shares a policy is about."""

import dataclasses
import datetime

SHARE, SHARE_TYPE = 'share', 'share_type'
METADATA, PROJECT = 'metadata', 'project'

#: The kinds of assignments that there are.
KINDS = (SHARE, SHARE_TYPE, METADATA, PROJECT)

#: What is told of runs that are skipped for that.
NO_LONGER_ASSIGNED = 'The policy does not apply to the share any more.'

#: The scope of an assignment that is about the shares of all projects.
EVERYWHERE = ''


@dataclasses.dataclass(frozen=True)
class Share:
    """A share, as assignments see it.

    :ivar types: frozenset of str: the id of its type, and its name.
    :ivar metadata: dict of str to str.
    :ivar created_at: datetime; None where that is not known.
    """

    id: str
    project_id: str
    name: str | None = None
    types: frozenset[str] = frozenset()
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    created_at: datetime.datetime | None = None


def pair(target):
    """Return the key and the value of a target of the kind ``metadata``:
    ``key=value``."""
    key, _, value = target.partition('=')
    return key, value


def covers(assignment, share):
    """Tell whether an assignment is about a share.

    :param assignment: has ``scope``, ``kind`` and ``target``.
    :param share: a :class:`Share`.
    """
    if assignment.scope not in (EVERYWHERE, share.project_id):
        return False
    target = assignment.target
    if assignment.kind == SHARE:
        return share.id == target
    if assignment.kind == SHARE_TYPE:
        return target in share.types
    if assignment.kind == METADATA:
        key, value = pair(target)
        return share.metadata.get(key) == value
    return share.project_id == target


def since(assignments, share):
    """Tell since when a policy has been about a share.

    :param assignments: its assignments.
    :returns: datetime, the first instant at which something could be due; or
        None if it is not about it.
    """
    found = [each.created_at for each in assignments if covers(each, share)]
    if not found:
        return None
    return max(min(found), share.created_at or min(found))
