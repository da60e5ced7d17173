# SPDX-License-Identifier: Apache-2.0
"""Application for WSGI servers.

uWSGI ignores ``SIGTERM`` until the application is loaded, and nobody sends a
second one. What is loaded takes seconds, and more where the database hangs;
with ``die-on-term`` it is ended at once, before anything else is imported.
"""

import signal


def _end_by_sigterm():
    try:
        import uwsgi
    except ImportError:
        return
    # A worker, which loads it under lazy-apps, has a handler of uWSGI's. So
    # has each process once the application is loaded.
    if 'die-on-term' in uwsgi.opt and not uwsgi.worker_id():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


_end_by_sigterm()
