# SPDX-License-Identifier: Apache-2.0
"""Replacing the password of a repository.

restic's data is encrypted with a key that never changes, and that is in each
of the repository's keys, encrypted with a password. So a repository can have
two passwords for a while:

1. The catalogue notes that the project is to have another one, and which.
2. The repository gets a key of it,
3. which is tried.
4. The catalogue has it as the project's: who looks it up from here on gets the
   new one, and who knows the old one can go on with that.
5. The keys of the passwords before it are removed. Who used them finds that
   they are wrong, and looks the new one up.
6. What the catalogue and the key manager have of those is removed, and then
   the note.

Whatever dies, the note says what is to be gone on with, and each step that was
done is found done.
"""

import os

from manila_backup.drivers import base
from manila_backup.drivers.restic import faults
from manila_backup.drivers.restic import repository
from manila_backup.drivers import upkeep


def rotate(driver, project_id):
    """Replace a password.

    :param driver: the driver.
    :param project_id: str; None for that of the catalogue, which is derived
        from the secret alone: it changes where that has.
    :returns: a :class:`~manila_backup.drivers.upkeep.Rotation`.
    :raises DriverError: it could not be completed.
    """
    if project_id is None:
        return _rotate_catalogue(driver)
    return _rotate(driver, base.component(project_id))


def _rotate_catalogue(driver):
    passwords = driver.passwords
    new = passwords.new_of_catalogue()
    _add(driver.catalogue().restic, driver.restic(repository.CATALOGUE, new),
         new)
    passwords.learn(None, new)
    return _revoke(driver, repository.CATALOGUE, new,
                   passwords.all_of_catalogue())


def _rotate(driver, project_id):
    passwords, catalogue = driver.passwords, driver.catalogue()
    entries = catalogue.entries(project_id)
    # Without its password nothing is begun.
    restic = driver.project(project_id).restic
    if not (any(each.kind == repository.PROJECT for each in entries)
            and repository.exists(restic)):
        raise base.DriverError(f'Project {project_id} has no repository.')
    ref = next((each.ref for each in entries
                if each.kind == repository.ROTATING), None)
    if ref is None:
        ref = passwords.replace(project_id)
        catalogue.begin(project_id, ref)
    new = passwords.of(project_id, ref)
    _add(restic, driver.restic(project_id, new), new)
    if not any(each.kind == repository.PROJECT and each.ref == ref
               for each in entries):
        catalogue.add(project_id, ref)
    passwords.learn(project_id, new)
    old = [each for each in catalogue.entries(project_id) if each.ref != ref]
    refs = list(dict.fromkeys(
        each.ref for each in old if each.ref is not None))
    done = _revoke(driver, project_id, new,
                   passwords.all_of(project_id, refs))
    for each in refs:
        passwords.discard(each)
    catalogue.remove(old)
    catalogue.remove([each for each in catalogue.entries(project_id)
                      if each.kind == repository.ROTATING])
    return done


def _add(restic, renewed, new):
    """Give a repository a key of a password, unless it has one, and try that.

    :param restic: a :class:`~.command.Restic` that has a right one.
    :param renewed: one that has the new one.
    """
    if _opens(renewed):
        return
    with open(os.memfd_create('password', os.MFD_CLOEXEC), 'wb') as file:
        file.write(new.encode() + b'\n')
        file.flush()
        # Opened anew, it is read from its beginning.
        restic.run('key', 'add', '--new-password-file=/proc/self/fd/0',
                   stdin=file, sink=True)
    if not _opens(renewed):
        raise base.RepositoryUnavailable(
            f'The new key of the repository "{restic.shown}" does not open '
            f'it; the old one still does.')


def _opens(restic):
    try:
        return repository.exists(restic)
    except faults.WrongPassword:
        return False


def _revoke(driver, name, new, passwords):
    """Remove the keys of passwords.

    :param new: str, the password to be kept.
    :param passwords: iterator of str, those before it, and perhaps that.
    """
    restic = driver.restic(name, new)
    kept = _current(restic)
    removed = 0
    for each in passwords:
        if each == new:
            continue
        try:
            found = _current(driver.restic(name, each))
        except faults.WrongPassword:
            continue
        if found != kept:
            restic.run('key', 'remove', found, sink=True)
            removed += 1
    return upkeep.Rotation(removed, len(_keys(restic)) - 1)


def _keys(restic):
    return restic.json('key', 'list', '--no-lock')


def _current(restic):
    """Return the id of the key that restic opens a repository by, as str."""
    return next(each['id'] for each in _keys(restic) if each['current'])
