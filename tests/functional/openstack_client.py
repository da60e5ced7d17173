# SPDX-License-Identifier: Apache-2.0
"""The command ``openstack``, unmodified."""

from tests.functional import cloud
from tests.functional import forked

# What it imports, whatever it is to do: it loads each of its commands. What is
# installed, it looks up for its help.
_MODULES = ('openstackclient.shell', '@openstack.', 'manilaclient.osc.*',
            'manilaclient.v2.*', 'openstack.connection',
            'keystoneauth1.loading',
            'cliff.command:_get_distributions_by_modules')


def run(*args, env, path='', modules=()):
    """Run the command ``openstack``.

    :param env: dict, its environment but for where Python finds modules.
    :param path: str, where that is.
    :param modules: tuple of str, those of plug-ins that it finds there.
    :returns: a ``subprocess.CompletedProcess``.
    """
    return forked.nursery(_MODULES + modules, path).run(
        [*cloud.argv('openstack'), *args], env={**env, 'PYTHONPATH': path})
