# SPDX-License-Identifier: Apache-2.0
"""Commands from the configuration, as lists of arguments: no shell ever sees
them."""

import re
import shlex

from oslo_log import log

from manila_backup import exception

LOG = log.getLogger(__name__)

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
        if (equal and value and not _PLACEHOLDER.fullmatch(value)
                and name.lstrip('-').lower() in _SECRETS):
            return name
    return None


def warn(options):
    """Tell of secrets that would stand in command lines.

    :param options: dict of an option's name, as it is shown, to its value.
    """
    for option, text in options.items():
        name = exposed(text)
        if name:
            LOG.warning(
                '%s has "%s=...": every user of this host can read it '
                'whenever something is mounted. Put it into a file of mode '
                '0600 and name that instead, as with "credentials=" of cifs '
                'or "secretfile=" of ceph', option, name)


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
