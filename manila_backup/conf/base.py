# SPDX-License-Identifier: Apache-2.0
"""``[DEFAULT]``: where the service keeps its state and who it is."""

import socket

from oslo_config import cfg

GROUP = None

OPTS = [
    cfg.StrOpt(
        'state_path',
        default='/var/lib/manila-backup',
        help='Directory for what the service keeps on this host. The '
             'embedded service (manila-backup-all) puts its database, its '
             'shares and its backup repository below it; the others only use '
             'it where another option refers to it. It must be writable.'),
    cfg.HostAddressOpt(
        'host',
        default=socket.gethostname(),
        sample_default='<the host name>',
        help='Name of this host, as "service list" and the backups\' records '
             'show it. Workers on one host may share it: each process adds '
             'an identity of its own.'),
    cfg.StrOpt(
        'availability_zone',
        default='nova',
        help='Availability zone that this host\'s services and the shares '
             'of the local share source are said to be in.'),
    cfg.StrOpt(
        'auth_strategy',
        default='keystone',
        choices=[
            ('keystone', 'tokens are checked by keystonemiddleware; see '
                         '[keystone_authtoken]'),
            ('http_basic', 'users and bcrypt hashes come from a file; see '
                           '[http_basic]'),
            ('noauth', 'whoever can connect is believed; only on a loopback '
                       'address'),
        ],
        help='How the API finds out who is calling.'),
    cfg.FloatOpt(
        'report_interval',
        default=10.0, min=0.1,
        help='Seconds between two signs of life that each process writes to '
             'the database, for "service list".'),
    cfg.FloatOpt(
        'service_down_time',
        default=60.0, min=1.0,
        help='Seconds without a sign of life after which a process is shown '
             'as down. What is done about a dead worker\'s operations does '
             'not wait for it: see [backup] lease_ttl.'),
]
