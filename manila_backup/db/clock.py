# SPDX-License-Identifier: Apache-2.0
"""The instant that backup policies go by.

It is the database's, so that hosts whose clocks are apart agree on what is due
and what is over. Everything about policies asks here, so that tests can have a
year go by.
"""

import sqlalchemy as sa

from manila_backup.db import sqltime


def now(conn):
    """The current instant, as datetime."""
    return conn.execute(sa.select(sqltime.utcnow())).scalar()
