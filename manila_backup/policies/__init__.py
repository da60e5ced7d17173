# SPDX-License-Identifier: Apache-2.0
"""Policies: the rules' defaults, a module per resource, and the
:class:`~manila_backup.policies.enforcer.Enforcer` that applies them."""

import itertools

from oslo_config import cfg
from oslo_policy import opts
from oslo_policy import policy

from manila_backup.policies import absent
from manila_backup.policies import base
from manila_backup.policies import cloud
from manila_backup.policies import messages
from manila_backup.policies import share_backup_operations
from manila_backup.policies import share_backup_policies
from manila_backup.policies import share_backup_quotas
from manila_backup.policies import share_backup_repositories
from manila_backup.policies import share_backup_services
from manila_backup.policies import share_backup_usage
from manila_backup.policies import share_backups
from manila_backup.policies import share_types
from manila_backup.policies import shares
from manila_backup.policies import snapshots

MODULES = (base, share_backups, share_backup_operations,
           share_backup_policies, share_backup_quotas,
           share_backup_repositories, share_backup_services,
           share_backup_usage, shares, share_types, snapshots, cloud, messages,
           absent)


def list_rules():
    """Every rule, for the service and for oslopolicy-sample-generator.

    :returns: list of ``oslo_policy.policy.RuleDefault``.
    """
    return list(itertools.chain.from_iterable(
        module.RULES for module in MODULES))


def get_enforcer():
    """An enforcer for the oslopolicy-* tools, which pass their own
    command line."""
    opts.set_defaults(cfg.CONF, 'policy.yaml')
    cfg.CONF([], project='manila-backup')
    enforcer = policy.Enforcer(cfg.CONF)
    enforcer.register_defaults(list_rules())
    return enforcer
