# SPDX-License-Identifier: Apache-2.0
"""Messages for users about what went wrong."""

import functools

from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api.schemas import messages as schemas
from manila_backup.api.views import messages as views
from manila_backup.db import messages as db_messages
from manila_backup.policies import messages as policies

WHAT = 'Message'
PATH = '/messages'
SINCE = (2, 37)

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT,
                               since=SINCE)


@_operation(policies.GET_ALL, query=schemas.LIST)
def index(req, params):
    """List messages, the newest first."""
    return 200, common.listed(
        req, PATH, params, 'messages', schemas.SORT_KEYS,
        lambda rows: [views.detail(req, row) for row in rows],
        db_messages.get,
        lambda conn, **cut: db_messages.list_page(conn, req.scope, params,
                                                  **cut),
        None)


@_operation(policies.GET)
def show(req, message_id):
    """Show a message."""
    row = common.visible(req, policies.GET, db_messages.get, WHAT, message_id)
    return 200, {schemas.RESOURCE: views.detail(req, row)}


@_operation(policies.DELETE)
def delete(req, message_id):
    """Delete a message."""
    message_id = common.authorize_target(req, policies.DELETE,
                                         db_messages.get, WHAT, message_id)
    req.services.admission.messages.delete(req.context, message_id)
    return 204, None


ROUTES = {
    PATH: {'GET': index},
    f'{PATH}/{{message_id}}': {'GET': show, 'DELETE': delete},
}
