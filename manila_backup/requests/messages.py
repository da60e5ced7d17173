# SPDX-License-Identifier: Apache-2.0
"""Requests about messages for users."""

from manila_backup.db import messages as db_messages
from manila_backup.db import rows
from manila_backup import exception


class Messages:
    """See :class:`manila_backup.requests.admission.Admission`."""

    def __init__(self, database):
        self._database = database

    def delete(self, context, message_id):
        """Remove a message."""
        def write(conn):
            if not (db_messages.get(conn, message_id, context.scope)
                    and rows.delete(conn, db_messages.TABLE,
                                    message_id)):
                raise exception.NotFound('Message', message_id)

        self._database.write(write)
