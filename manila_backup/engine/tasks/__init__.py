# SPDX-License-Identifier: Apache-2.0
"""Tasks: a module for each kind of operation, which holds its whole life.

* ``begin``: the precondition and the transition, inside the transaction of the
  request that is let in (:mod:`manila_backup.requests`);
* the task's ``work``: what a child process has to do;
* ``succeeded``, ``failed``, ``cancelled``: the outcome, inside the transaction
  that ends the operation;
* ``undo``: the outcome where it was cancelled before any worker had it.

An attempt (:mod:`manila_backup.engine.attempt`) runs them all alike.
"""

from manila_backup.engine.tasks import backup_create
from manila_backup.engine.tasks import backup_delete
from manila_backup.engine.tasks import backup_restore
from manila_backup.engine.tasks import base
from manila_backup.engine.tasks import share_create
from manila_backup.engine.tasks import share_delete
from manila_backup.engine.tasks import share_manage
from manila_backup.engine.tasks import snapshot_create
from manila_backup.engine.tasks import snapshot_delete
from manila_backup import states

#: The task of each kind of operation.
TASKS: dict[str, type[base.Task]] = {
    states.Kind.BACKUP_CREATE: backup_create.BackupCreate,
    states.Kind.BACKUP_RESTORE: backup_restore.BackupRestore,
    states.Kind.BACKUP_DELETE: backup_delete.BackupDelete,
    states.Kind.SHARE_CREATE: share_create.ShareCreate,
    states.Kind.SHARE_MANAGE: share_manage.ShareManage,
    states.Kind.SHARE_DELETE: share_delete.ShareDelete,
    states.Kind.SNAPSHOT_CREATE: snapshot_create.SnapshotCreate,
    states.Kind.SNAPSHOT_DELETE: snapshot_delete.SnapshotDelete,
}
