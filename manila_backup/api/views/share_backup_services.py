# SPDX-License-Identifier: Apache-2.0
"""Workers as administrators see them, by host."""

from manila_backup.api.views import common


def detail(host):
    """The workers of a host.

    :param host: a :class:`manila_backup.db.service_hosts.Host`.
    """
    row = host.row
    last = max(host.processes, key=lambda each: each.last_seen, default=None)
    return {
        'id': row.id,
        'binary': row.binary,
        'host': row.host,
        'availability_zone': last and last.availability_zone,
        'status': row.mode,
        'disabled_reason': row.reason,
        'status_changed_at': common.timestamp(row.mode_changed_at),
        'state': host.state,
        'processes': sum(bool(each.up) for each in host.processes),
        'running_operations': host.running,
        'updated_at': common.timestamp(last and last.last_seen),
    }
