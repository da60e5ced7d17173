# SPDX-License-Identifier: Apache-2.0
"""``[ui]``: the pages for a browser."""

from oslo_config import cfg

GROUP = 'ui'

OPTS = [
    cfg.BoolOpt(
        'enabled',
        default=False,
        help='Serve pages for a browser at /ui/ of the API. They show and do '
             'what the API lets the one who is signed in see and do.'),
    cfg.StrOpt(
        'secret',
        secret=True,
        help='Key that signs the sessions of signed-in users, of 32 '
             'characters or more. API processes that serve the same users '
             'need the same one. Without it, one is made in the file ui.key '
             'in state_path, which suits the processes of one host.'),
    cfg.IntOpt(
        'session_lifetime',
        default=8 * 3600, min=60,
        help='Seconds after which a user has to sign in again. A token of '
             'Keystone that ends earlier ends the session, too.'),
    cfg.URIOpt(
        'keystone_url',
        schemes=['http', 'https'],
        help='URL of Keystone with which users are signed in. Without it: '
             '[keystone_authtoken] www_authenticate_uri or auth_url.'),
    cfg.IntOpt(
        'live_connections',
        default=3, min=0,
        help='Maximum number of open pages per process to which progress is '
             'sent as it happens. manila-backup-api and manila-backup-all '
             'have a thread for each, in addition to [api] threads; under '
             'another WSGI server, each occupies one of its threads. Further '
             'pages ask every few seconds instead.'),
]
