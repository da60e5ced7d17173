# SPDX-License-Identifier: Apache-2.0
"""Commands from the configuration, as lists of arguments: no shell ever sees
them."""

import re
import shlex

from manila_backup import exception

_PLACEHOLDER = re.compile(r'\{([^{}]*)\}')


def command(option, template, needed, **values):
    """Make a command of a template.

    It is split into words first, as a shell would, and filled in then: so a
    value stays within its word, whatever is in it.

    :param option: str, the option it is from, for messages.
    :param needed: the names of placeholders that it must have.
    :param values: what may stand in it, by name of the placeholder.
    :returns: tuple of str.
    :raises manila_backup.exception.ConfigurationError: it makes no sense.
    """
    try:
        words = shlex.split(template or '')
    except ValueError as exc:
        raise exception.ConfigurationError(
            f'{option} can\'t be split into words: {exc}.') from exc
    found = set(_PLACEHOLDER.findall(' '.join(words)))
    for name in sorted(found - values.keys()):
        raise exception.ConfigurationError(
            f'{option} has the placeholder {{{name}}}; there is: '
            f'{", ".join(f"{{{each}}}" for each in values)}.')
    for name in needed:
        if name not in found:
            raise exception.ConfigurationError(
                f'{option} must have the placeholder {{{name}}}.')
    return tuple(_PLACEHOLDER.sub(lambda match: values[match[1]], word)
                 for word in words)
