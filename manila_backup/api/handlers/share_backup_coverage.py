# SPDX-License-Identifier: Apache-2.0
"""Coverage of shares by backup policies."""

from manila_backup.api import extension
from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_policies as schemas
from manila_backup.api.views import common as common_views
from manila_backup.api.views import share_backup_policies as views
from manila_backup.policies import share_backup_policies as policies

PATH = '/share-backup-coverage'


@operation.operation(policies.GET_COVERAGE, all_rule=policies.GET_ALL_PROJECT,
                     extension=extension.POLICIES, query=schemas.COVERAGE)
def index(req, params):
    """By which backup policies shares are protected, and how well."""
    project_id = common.list_scope(req, params)
    limit = common.limit_of(req, params)
    found, counted = req.services.admission.coverage.page(
        project_id, params.get('protected'), params.get('marker'), limit + 1,
        params.get('with_count'))
    name = 'share_backup_coverage'
    body = {name: [views.covered(each) for each in found[:limit]]}
    if len(found) > limit > 0:
        body.update(common_views.next_links(
            req, PATH, name, limit, marker=found[limit - 1].share.id))
    if counted:
        shares, protected = counted
        body['count'] = {None: shares, True: protected,
                         False: shares - protected}[params.get('protected')]
        body['protected_count'] = protected
    return 200, body


ROUTES = {PATH: {'GET': index}}
