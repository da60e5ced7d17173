# SPDX-License-Identifier: Apache-2.0
"""``[DEFAULT]``: where the service keeps its state and who it is."""

import socket

from oslo_config import cfg

GROUP = None

OPTS = [
    cfg.StrOpt(
        'state_path',
        default='/var/lib/manila-backup',
        help='Directory for the service\'s state on this host. The embedded '
             'service (manila-backup-all) keeps its database, its shares and '
             'its backup repository below it; other processes use it only '
             'where another option refers to it. It must be writable.'),
    cfg.HostAddressOpt(
        'host',
        default=socket.gethostname(),
        sample_default='<the host name>',
        help='Name of this host, as "service list" and the records of backups '
             'show it. Workers on one host may have the same name: each '
             'process adds an identity of its own.'),
    cfg.StrOpt(
        'availability_zone',
        default='nova',
        help='Availability zone of this host\'s services and of the shares of '
             'the local share source.'),
    cfg.StrOpt(
        'auth_strategy',
        default='keystone',
        choices=[
            ('keystone', 'tokens are validated by keystonemiddleware; see '
                         '[keystone_authtoken]'),
            ('http_basic', 'users and bcrypt hashes are read from a file; see '
                           '[http_basic]'),
            ('noauth', 'any client that can connect is trusted; only on a '
                       'loopback address'),
        ],
        help='How callers of the API are authenticated.'),
    cfg.FloatOpt(
        'report_interval',
        default=10.0, min=0.1,
        help='Seconds between two heartbeats that each process writes to the '
             'database, for "service list".'),
    cfg.FloatOpt(
        'service_down_time',
        default=60.0, min=1.0,
        help='Seconds without a heartbeat after which a process is shown as '
             'down. Taking over the operations of a dead worker does not '
             'depend on it: see [backup] lease_ttl.'),
]
