# SPDX-License-Identifier: Apache-2.0
"""``[metrics]``: what Prometheus can read."""

from oslo_config import cfg

GROUP = 'metrics'

OPTS = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help='Whether the API answers GET /metrics, and each worker listens '
             'for the same on an address of its own. Anyone who reaches '
             'these addresses can read the numbers, of all projects '
             'together: a proxy before the API should not let strangers at '
             '/metrics.'),
    cfg.HostAddressOpt(
        'worker_bind_host',
        default='127.0.0.1',
        help='Address on which a worker answers GET /metrics.'),
    cfg.PortOpt(
        'worker_bind_port',
        default=8790,
        help='Port on which a worker answers GET /metrics. Workers on one '
             'host need a port each; with 0 each takes a free one, which '
             'its log names.'),
]
