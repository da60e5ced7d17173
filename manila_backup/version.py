# SPDX-License-Identifier: Apache-2.0
"""Release of the service."""

from pbr import version as pbr_version

_INFO = pbr_version.VersionInfo('manila-backup')


def string():
    """The version, as pip shows it."""
    return _INFO.version_string()
