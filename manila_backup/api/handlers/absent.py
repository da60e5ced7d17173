# SPDX-License-Identifier: Apache-2.0
"""Lists of what Manila has and there is none of here."""

from manila_backup.api import operation
from manila_backup.policies import absent as policies


def _lists(resource):
    """The operations that list nothing, as a dict of path to them."""
    table = {}
    for path in resource.paths:
        in_full = path != resource.path

        def empty(req, key=resource.key):
            return 200, {key: []}

        empty.__name__ = resource.name + ('_detail' if in_full else '')
        empty.__doc__ = (f'List {resource.words}'
                         f'{" with details" if in_full else ""} '
                         f'(always empty).')
        table[path] = {'GET': operation.operation(
            resource.rule, since=resource.since)(empty)}
    return table


ROUTES = {path: methods for resource in policies.RESOURCES
          for path, methods in _lists(resource).items()}
