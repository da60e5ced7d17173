# SPDX-License-Identifier: Apache-2.0
"""Commands from the configuration, as lists of arguments: no shell ever sees
them."""

import re
import shlex

from manila_backup import exception

# Mount options whose value is itself a secret; not those that name a file.
_SECRETS = frozenset((
    'pass', 'passwd', 'password', 'password2', 'secret', 'key', 'token',
    'access_key', 'secret_key', 'passphrase'))

_PLACEHOLDER = re.compile(r'\{([^{}]*)\}')


def exposed(text):
    """Find a secret that every user of the host could read while a command
    runs.

    :param text: str, a template, or mount options that are put into one.
    :returns: str, the first mount option that is one; or None.
    """
    for each in re.split(r'[\s,]+', text or ''):
        name, equal, value = each.strip('\'"').partition('=')
        if (equal and value and not value.startswith('/')
                and not _PLACEHOLDER.fullmatch(value)
                and name.lstrip('-').lower() in _SECRETS):
            return name
    return None


def refuse(name, group, options):
    """Refuse secrets that would stand in command lines.

    :param name: str, of a group of the configuration.
    :param group: the group.
    :param options: iterable of str, those that get into commands.
    :raises manila_backup.exception.ConfigurationError: one has a secret.
    """
    for option in options:
        found = exposed(group[option])
        if found:
            raise exception.ConfigurationError(
                f'[{name}] {option} has "{found}=...", which every user of '
                'this host could read whenever something is mounted. Put it '
                f'into [{name}] mount_secret and name the file that has it '
                'then, as in "credentials={secret_file}" of cifs or '
                '"secretfile={secret_file}" of ceph.')


def fill(option, text, **values):
    """Fill in placeholders.

    :param option: str, the option that the text is from, for messages.
    :param text: str.
    :param values: what may stand in it, by name of the placeholder.
    :raises manila_backup.exception.ConfigurationError: it has another one.
    """
    _check(option, text, values)
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _check(option, text, values):
    """Return the names of the placeholders in a text."""
    found = set(_PLACEHOLDER.findall(text))
    for name in sorted(found - values.keys()):
        raise exception.ConfigurationError(
            f'{option} has the placeholder {{{name}}}; there is: '
            f'{", ".join(f"{{{each}}}" for each in values) or "none"}.')
    return found


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
    found = _check(option, ' '.join(words), values)
    for name in needed:
        if name not in found:
            raise exception.ConfigurationError(
                f'{option} must have the placeholder {{{name}}}.')
    return tuple(_PLACEHOLDER.sub(lambda match: values[match[1]], word)
                 for word in words)
