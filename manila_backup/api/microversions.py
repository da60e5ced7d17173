# SPDX-License-Identifier: Apache-2.0
"""Negotiation of the API microversion of a request.

The numbers are Manila's, so that its clients can be used; what each changes
is listed only where it changes something here.

* 2.2 ``snapshot_support`` in shares
* 2.5 ``task_state`` in shares
* 2.6 ``share_type`` of a share is an id, ``share_type_name`` the name
* 2.7 actions without the prefix ``os-``; is_public of types renamed
* 2.9 export locations are a resource of their own
* 2.10 ``access_rules_status`` in shares
* 2.11 ``replication_type`` and ``has_replicas`` in shares
* 2.14 ``preferred`` in export locations
* 2.16 ``user_id`` in shares
* 2.24 ``create_share_from_snapshot_support`` in shares
* 2.27 ``revert_to_snapshot_support`` in shares
* 2.31 share groups in shares (always null)
* 2.32 ``mount_snapshot_support`` in shares; export locations of snapshots
* 2.41 ``description`` in share types
* 2.46 ``is_default`` in share types
* 2.54 ``progress`` in shares
* 2.69 the recycle bin in shares (always false)
* 2.80 share backups; ``source_backup_id`` in shares (always null)
* 2.85 ``backup_type`` in share backups
* 2.87 ``metadata`` in export locations (always empty)
* 2.90 ``encryption_key_ref`` in shares (always null)
* 2.91 a restore may name another share
"""

import math
import re

from manila_backup.api import faults

MIN = (2, 0)
MAX = (2, 91)
DEFAULT = MIN

SHARE_BACKUPS = (2, 80)
BACKUP_TYPE = (2, 85)
TARGETED_RESTORE = (2, 91)

SERVICE_TYPES = ('shared-file-system', 'sharev2')

LEGACY_HEADER = 'X-OpenStack-Manila-API-Version'
HEADER = 'OpenStack-API-Version'
_EXPERIMENTAL = 'X-OpenStack-Manila-API-Experimental'
_VERSION = re.compile(r'([0-9]{1,4})\.([0-9]{1,4})', re.ASCII)

#: Of every answer below ``/v2``.
VARY = ('Vary', f'{LEGACY_HEADER}, {HEADER}')


def to_string(version):
    """``(2, 80)`` to ``'2.80'``."""
    return f'{version[0]}.{version[1]}'


def from_environ(environ, newer=False):
    """The version that a request asks for.

    :param environ: the WSGI environment.
    :param newer: bool, whether there may be newer ones than :data:`MAX`.
        Beside a Manila, clients take what it says there is, and what it
        added since changes nothing here.
    :returns: (major, minor).
    :raises manila_backup.api.faults.Fault: 400 where a header makes no
        sense or two contradict each other, 406 where there is no such
        version.
    """
    legacy = environ.get('HTTP_X_OPENSTACK_MANILA_API_VERSION')
    standard = _ours(environ.get('HTTP_OPENSTACK_API_VERSION'))
    if legacy is None and standard is None:
        return DEFAULT
    asked = {_parse(text) for text in (legacy, standard) if text is not None}
    if len(asked) > 1:
        raise faults.bad_request(
            f'The headers {LEGACY_HEADER} and {HEADER} contradict each '
            f'other.')
    version = asked.pop()
    most = (MAX[0], math.inf) if newer else MAX
    if not MIN <= version <= most:
        raise unsupported(to_string(version), MIN, MAX)
    return version


def unsupported(text, least, most):
    """The :class:`~manila_backup.api.faults.Fault` of a version that there is
    none of.

    :param text: str, the version.
    :param least: (major, minor), the first one that there is.
    :param most: (major, minor), the last one.
    """
    least, most = to_string(least), to_string(most)
    return faults.Fault(
        406, f'Version {text} is not supported by the API. Minimum is '
             f'{least} and maximum is {most}.',
        min_version=least, max_version=most)


def headers(environ, version, *more):
    """The headers that tell which version an answer is in.

    :param more: str, further entries of the standard header.
    :returns: list of (name, value).
    """
    text = to_string(version)
    pairs = [(LEGACY_HEADER, text),
             (HEADER, ', '.join((f'{SERVICE_TYPES[0]} {text}', *more))),
             VARY]
    if 'HTTP_X_OPENSTACK_MANILA_API_EXPERIMENTAL' in environ:
        pairs.append((_EXPERIMENTAL, 'True'))
    return pairs


def _ours(header):
    """Our part of ``OpenStack-API-Version``, which may name several
    services, or None."""
    if header is None:
        return None
    for part in header.split(','):
        words = part.split()
        if words and words[0].lower() in SERVICE_TYPES:
            return ' '.join(words[1:])
    return None


def _parse(text):
    return parse(text.strip(), MAX, 'The API version')


def parse(text, latest, what):
    """A version as text.

    :param latest: (major, minor), what ``latest`` stands for.
    :param what: str, what it is the version of, for the message.
    :returns: (major, minor).
    :raises manila_backup.api.faults.Fault: 400 if it is none.
    """
    if text == 'latest':
        return latest
    match = _VERSION.fullmatch(text)
    if not match:
        raise faults.bad_request(
            f'{what} {text!r} must be of the form {latest[0]}.N, or latest.')
    return int(match[1]), int(match[2])


def not_found(version, since):
    """The :class:`~manila_backup.api.faults.Fault` of a path that a version
    does not have.

    :param version: (major, minor), the one that was asked for.
    :param since: (major, minor), the first one that has it.
    """
    if version >= since:
        return faults.not_found()
    return faults.not_found(
        f'The resource could not be found in version {to_string(version)} of '
        f'the API. It exists from version {to_string(since)} on: send '
        f'the header "{HEADER}: shared-file-system {to_string(since)}".')
