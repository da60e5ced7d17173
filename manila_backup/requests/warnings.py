# SPDX-License-Identifier: Apache-2.0
"""Requests about the warnings of share backups."""


class Warnings:
    """See :class:`manila_backup.requests.admission.Admission`.

    :param asker: a :class:`manila_backup.bus.questions.Asker`.
    """

    def __init__(self, asker):
        self._asker = asker

    def list(self, context, backup, skip, limit):
        """Read the warnings of a backup, which only its repository has.

        :param backup: its row.
        :param skip: int, how many to leave out.
        :param limit: int, the most to return.
        :returns: (list of [path, code, list of what is lost], bool: whether
            all that there are can be had, bool: whether there are more
            although there are not as many as asked for).
        :raises manila_backup.exception.Unavailable: no worker can tell now.
        :raises manila_backup.exception.Conflict: the repository's list is
            damaged.
        """
        if backup.progress < 100:
            # There is no backup, or not yet.
            return [], False, False
        if backup.warning_count == 0:
            return [], True, False
        answer = self._asker.ask(
            context, backup.backup_type, 'list_warnings',
            place=(backup.project_id, backup.share_id, backup.id),
            skip=skip, limit=limit)
        # A worker of an earlier release has room for any.
        return (answer['warnings'], answer['complete'],
                answer.get('more', False))
