# SPDX-License-Identifier: Apache-2.0
"""The pages: a module per group of them, each with its ``ROUTES``.

A route is a path below ``/ui`` to a dict of method to a function, which gets
the :class:`~manila_backup.ui.page.Page` and the path's variable parts, and
returns the answer.
"""

from manila_backup.ui import live
from manila_backup.ui.pages import backups
from manila_backup.ui.pages import comparing
from manila_backup.ui.pages import files
from manila_backup.ui.pages import messages
from manila_backup.ui.pages import operations
from manila_backup.ui.pages import overview
from manila_backup.ui.pages import policies
from manila_backup.ui.pages import policy_form
from manila_backup.ui.pages import quotas
from manila_backup.ui.pages import restores
from manila_backup.ui.pages import shares
from manila_backup.ui.pages import whole_restores
from manila_backup.ui.pages import workers


def routes(conf):
    """List the routes.

    :param conf: the configuration.
    :returns: dict of path to dict of method to function.
    """
    table = {}
    for module in (overview, shares, backups, files, comparing, restores,
                   whole_restores, policies, policy_form, quotas, workers):
        table.update(module.ROUTES)
    if conf.shares.source == 'local':
        # They are Manila's otherwise.
        table.update(messages.ROUTES)
    table.update(operations.routes(live.Live(conf.ui.live_connections)))
    return table
