# SPDX-License-Identifier: Apache-2.0
"""``[metrics]``: what Prometheus can read."""

from oslo_config import cfg

GROUP = 'metrics'

OPTS = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help='Serve GET /metrics at the API, and at each worker on an address '
             'of its own. Anyone who can reach these addresses can read the '
             'metrics, which cover all projects: a proxy in front of the API '
             'should restrict access to /metrics.'),
    cfg.IntOpt(
        'max_projects',
        default=100, min=0,
        help='Maximum number of projects of which the API tells when their '
             'last good backup was made: those with the oldest ones. Each is '
             'a time series.'),
    cfg.HostAddressOpt(
        'worker_bind_host',
        default='127.0.0.1',
        help='Address on which a worker serves GET /metrics.'),
    cfg.PortOpt(
        'worker_bind_port',
        default=8790,
        help='Port on which a worker serves GET /metrics. Where it is taken, '
             'by another worker of this host, the first free one of the 15 '
             'ports after it is used instead; with 0, any free one. The '
             'worker logs which.'),
]
