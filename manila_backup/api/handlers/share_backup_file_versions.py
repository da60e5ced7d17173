# SPDX-License-Identifier: Apache-2.0
"""Versions of a file in the backups of a share."""

from manila_backup.api import extension
from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api.schemas import share_backup_files as schemas
from manila_backup.api.views import common as common_views
from manila_backup.api.views import share_backup_files as views
from manila_backup.policies import share_backups as policies

PATH = '/share-backup-file-versions'

_KEY = 'share_backup_file_versions'


@operation.operation(policies.LIST_FILE_VERSIONS, extension=extension.FILES,
                     query=schemas.VERSIONS, codes=(409,))
def index(req, params):
    """Versions of a file in the backups of a share, the newest first."""
    limit = common.limit_of(req, params)
    for name in ('share_id', 'path'):
        if name not in params:
            raise faults.bad_request(f'"{name}" must be given.')
    found, unread, marker = req.services.admission.file_versions.page(
        req.context, params['share_id'], params['path'],
        params.get('marker'), limit,
        req.services.conf.api.question_timeout / 2)
    body = {_KEY: [views.version(each) for each in found],
            'unread_backups': unread}
    if marker is not None and limit:
        body.update(common_views.next_links(req, PATH, _KEY, limit,
                                            marker=marker))
    return 200, body


ROUTES = {PATH: {'GET': index}}
