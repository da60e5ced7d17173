# SPDX-License-Identifier: Apache-2.0
"""The command ``openstack``, unmodified."""

from tests.functional import cloud
from tests.functional import forked

# What it imports, whatever it is to do.
_MODULES = ('openstackclient.shell', 'manilaclient.osc.*',
            'manilaclient.v2.*', 'openstack.connection',
            'keystoneauth1.loading')


def run(*args, env, path='', modules=()):
    """Run the command ``openstack``.

    :param env: dict, its environment but for where Python finds modules.
    :param path: str, where that is.
    :param modules: tuple of str, those of plug-ins that it finds there.
    :returns: a ``subprocess.CompletedProcess``.
    """
    return forked.nursery(_MODULES + modules, path).run(
        [*cloud.argv('openstack'), *args], env={**env, 'PYTHONPATH': path})
