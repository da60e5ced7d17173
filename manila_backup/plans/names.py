# SPDX-License-Identifier: Apache-2.0
"""Names of backups that policies have made."""

import datetime
import re
import zoneinfo

from manila_backup import exception

_FIELD = re.compile(r'\{([^{}]*)\}')

#: What stands for something in a template.
FIELDS = ('policy', 'rule', 'date', 'time')

#: The longest name, in characters.
_LONGEST = 255


def check(template):
    """Make sure that a template has no other fields than there are.

    :raises manila_backup.exception.InvalidInput: it has.
    """
    unknown = sorted({each for each in _FIELD.findall(template or '')
                      if each not in FIELDS})
    if unknown:
        raise exception.InvalidInput(
            f'name_template: there is no {{{unknown[0]}}}; there are: '
            f'{", ".join("{" + each + "}" for each in FIELDS)}.')


def fill(template, policy, rule, due_at, timezone):
    """Return the name of a backup, or None without a template.

    :param policy: str, its name; ``rule``: the same of the rule.
    :param due_at: datetime.
    :param timezone: str, in which date and time are told.
    """
    if template is None:
        return None
    clock = due_at.replace(tzinfo=datetime.timezone.utc).astimezone(
        zoneinfo.ZoneInfo(timezone))
    values = {'policy': policy, 'rule': rule,
              'date': clock.strftime('%Y-%m-%d'),
              'time': clock.strftime('%H:%M')}
    return _FIELD.sub(lambda match: values.get(match[1], match[0]),
                      template)[:_LONGEST]
