# SPDX-License-Identifier: Apache-2.0
"""Access rules of shares: validated, stored and listed. Enforcing them is left
to whatever exports the directories."""

import functools
import ipaddress

from manila_backup.api import faults
from manila_backup.api.handlers import common
from manila_backup.api import operation
from manila_backup.api import request
from manila_backup.api.schemas import shares as schemas
from manila_backup.api.views import shares as views
from manila_backup.db import access_rules
from manila_backup.db import shares as db_shares
from manila_backup.policies import shares as policies

WHAT = 'Share access rule'
PATH = '/share-access-rules'

SINCE = (2, 45)

_operation = functools.partial(operation.operation,
                               all_rule=policies.GET_ALL_PROJECT)


@_operation(policies.ACCESS_LIST, since=SINCE, query=schemas.LIST_ACCESS)
def index(req, params):
    """List the access rules of a share."""
    if 'share_id' not in params:
        raise faults.bad_request('The parameter share_id is needed.')
    return 200, _list(req, params['share_id'])


@_operation(policies.ACCESS_SHOW, since=SINCE)
def show(req, access_id):
    """One access rule."""
    row = common.visible(req, policies.ACCESS_SHOW, access_rules.get, WHAT,
                         access_id)
    return 200, {'access': {**views.access_rule(req, row),
                            'share_id': row.share_id}}


def _allow(name, until):
    @_operation(policies.ALLOW_ACCESS, until=until,
                body=schemas.ACTIONS[name])
    def allow(req, share_id, document):
        """Note who may mount a share."""
        share_id = _target(req, policies.ALLOW_ACCESS, share_id)
        asked = document[name]
        if asked['access_type'] == 'ip':
            _check_network(asked['access_to'])
        row = req.services.admission.access_rules.allow(
            req.context, share_id, asked['access_type'],
            asked['access_to'], asked.get('access_level') or 'rw')
        return 200, {'access': {**views.access_rule(req, row),
                                'share_id': share_id}}
    return allow


def _deny(name, until):
    @_operation(policies.DENY_ACCESS, until=until,
                body=schemas.ACTIONS[name])
    def deny(req, share_id, document):
        """Remove a note of who may mount a share."""
        share_id = _target(req, policies.DENY_ACCESS, share_id)
        req.services.admission.access_rules.deny(
            req.context, share_id, document[name]['access_id'].lower())
        return 202, None
    return deny


def _access_list(name, until):
    @_operation(policies.ACCESS_LIST, until=until,
                body=schemas.ACTIONS[name])
    def access_list(req, share_id, document):
        """List the access rules of a share by the action that is used before
        2.45.
        """
        return 200, _list(req, request.uuid(share_id))
    return access_list


def actions(last_prefixed):
    """The actions of a share that are about its access rules.

    :param last_prefixed: the last version in which their names begin with
        ``os-``.
    :returns: dict of name to operation.
    """
    table = {}
    for make, name, until in ((_allow, 'allow_access', None),
                              (_deny, 'deny_access', None),
                              (_access_list, 'access_list', (2, 44))):
        table[name] = make(name, until)
        table[f'os-{name}'] = make(f'os-{name}', last_prefixed)
    return table


def _list(req, share_id):
    share = common.visible(req, policies.ACCESS_LIST, db_shares.get, 'Share',
                           share_id)
    rows = req.services.database.read(access_rules.list_of_share, share.id)
    return {'access_list': [views.access_rule(req, row) for row in rows]}


def _target(req, rule, share_id):
    return common.authorize_target(req, rule, db_shares.get, 'Share',
                                   share_id)


def _check_network(text):
    try:
        ipaddress.ip_network(text)
    except ValueError as exc:
        raise faults.bad_request(
            f'access_to must be an IP address or network, not '
            f'{text[:64]!r}.') from exc


ROUTES = {
    PATH: {'GET': index},
    f'{PATH}/{{access_id}}': {'GET': show},
}
