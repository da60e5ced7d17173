# SPDX-License-Identifier: Apache-2.0
"""The requests that are sent to Manila, and what its answers mean.

Whatever is answered is a dict or a list of dicts, as in Manila's API
reference. Every error is a :class:`~manila_backup.shares.base.ShareError`.
"""

import contextlib
import threading

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import token_endpoint
from manilaclient import api_versions
from manilaclient.common.apiclient import exceptions as http_exc
from manilaclient import exceptions
from manilaclient.v2 import client as manilaclient

from manila_backup.shares import base
from manila_backup import status_codes

#: The oldest microversion that will do: rules that carry metadata.
NEEDED = api_versions.APIVersion('2.45')

#: Locks of shares; the newest one that is used is that of locks of access
#: rules.
LOCKS = api_versions.APIVersion('2.81')
NEWEST = api_versions.APIVersion('2.82')

#: How many shares are asked for at once.
PAGE = 500

# What may pass: no such right today, no place today, a server in trouble. Not
# 403: rights don't come back by themselves.
_RETRYABLE = (401, 408, 409, 413, 429)


class Gone(base.ShareError):
    """Manila has no such thing (any more)."""


class ShareGone(Gone):
    """Manila has no such share (any more)."""

    code = status_codes.StatusCode.SHARE_GONE


#: Manila understood, and won't (400, 403, 409, 413).
Refused = base.Refused


class Manila:
    """Manila, as the service's user sees it. Usable by several threads.

    :param settings: a :class:`.session.SessionSettings`.
    :param limits: ``attempts`` and ``timeout``, as of
        :meth:`.session.SessionSettings.load`.
    """

    def __init__(self, settings, **limits):
        self._settings = settings
        self._limits = limits
        self._lock = threading.Lock()
        self._made = None

    # -- shares ----------------------------------------------------------

    def share(self, share_id):
        """A share.

        :raises ShareGone: there is none.
        """
        with self._asking(f'show share {share_id}', ShareGone) as manila:
            return manila.shares.get(share_id).to_dict()

    def shares(self, **query):
        """Shares of all projects, as lists of them, a page each.

        :param query: as in Manila's API reference.
        """
        offset = 0
        while True:
            with self._asking('list shares') as manila:
                found = _plain(manila.shares.list(search_opts={
                    'all_tenants': 1, 'limit': PAGE, 'offset': offset,
                    **query}, sort_key='created_at', sort_dir='asc'))
            yield found
            if not found:
                return
            offset += len(found)

    def exports(self, share_id):
        """Its export locations, those for administrators among them."""
        with self._asking(f'list the export locations of share {share_id}',
                          ShareGone) as manila:
            return _plain(manila.share_export_locations.list(share_id))

    def copies(self, snapshot_id):
        """Shares made from a snapshot that are this user's project's."""
        with self._asking(f'list the shares made of snapshot {snapshot_id}'
                          ) as manila:
            return _plain(manila.shares.list(search_opts={
                'snapshot_id': snapshot_id}))

    def create_copy(self, share, snapshot_id, name):
        """Begin to make a share of a snapshot.

        :param share: dict, the snapshot's share.
        """
        with self._asking(f'make a share of snapshot {snapshot_id}'
                          ) as manila:
            return manila.shares.create(
                share['share_proto'], share['size'], snapshot_id=snapshot_id,
                name=name, share_type=share['share_type'],
                share_network=share.get('share_network_id'),
                availability_zone=share.get('availability_zone')).to_dict()

    def create_share_as(self, token, project_id, share_proto, size,
                        share_network_id=None, **values):
        """Begin to make a share for somebody, with his token. It is asked for
        once: what made one too many could not be told from what he wants.

        :param project_id: str, the token's.
        :raises Refused: Manila won't.
        """
        # Of the path, there is nothing that could be missing.
        with self._asking('make a share', Refused) as manila:
            session = self._settings.load(
                self._limits.get('timeout'), attempts=1,
                auth=token_endpoint.Token(
                    self._endpoint_for(manila, project_id), token))
            theirs = self._client_of(session, manila.api_version)
            return theirs.shares.create(
                share_proto, size, share_network=share_network_id,
                **values).to_dict()

    def _endpoint_for(self, manila, project_id):
        """The endpoint for a project: of some catalogs, that has its id."""
        asked = manila.keystone_client
        url = asked.endpoint_override.rstrip('/')
        own = asked.session.get_project_id(asked.auth)
        if own and url.endswith('/' + own):
            return url.removesuffix(own) + project_id
        return url

    def delete_share(self, share_id):
        """Begin to delete a share."""
        with self._asking(f'delete share {share_id}') as manila:
            manila.shares.delete(share_id)

    # -- access rules ----------------------------------------------------

    def rules(self, share_id):
        """A share's access rules."""
        with self._asking(f'list the access rules of share {share_id}',
                          ShareGone) as manila:
            return _plain(manila.share_access_rules.access_list(share_id))

    def allow(self, share_id, type_, to, level, metadata):
        """Begin to grant access.

        :param level: str, ``ro`` or ``rw``.
        """
        with self._asking(f'grant access ({level}) to share {share_id}',
                          ShareGone) as manila:
            return manila.shares.allow(share_id, type_, to, level,
                                       metadata=metadata)

    def deny(self, share_id, rule_id):
        """Begin to revoke it."""
        with self._asking(f'revoke access to share {share_id}') as manila:
            more = {'unrestrict': True} if self.has(NEWEST) else {}
            manila.shares.deny(share_id, rule_id, **more)

    # -- snapshots -------------------------------------------------------

    def snapshots(self, share_id):
        """A share's snapshots that are this user's project's. Whatever
        others call theirs, it is not among them."""
        with self._asking(f'list the snapshots of share {share_id}'
                          ) as manila:
            return _plain(manila.share_snapshots.list(search_opts={
                'share_id': share_id}))

    def snapshot(self, snapshot_id):
        """A snapshot.

        :raises Gone: there is none.
        """
        with self._asking(f'show snapshot {snapshot_id}') as manila:
            return manila.share_snapshots.get(snapshot_id).to_dict()

    def create_snapshot(self, share_id, name, description):
        """Begin to make a snapshot."""
        with self._asking(f'make a snapshot of share {share_id}',
                          ShareGone) as manila:
            return manila.share_snapshots.create(
                share_id, name=name, description=description).to_dict()

    def delete_snapshot(self, snapshot_id, force=False):
        """Begin to delete one.

        :param force: bool, whatever its status.
        """
        with self._asking(f'delete snapshot {snapshot_id}') as manila:
            if force:
                manila.share_snapshots.force_delete(snapshot_id)
            else:
                manila.share_snapshots.delete(snapshot_id)

    def snapshot_exports(self, snapshot_id):
        """A snapshot's export locations."""
        with self._asking(f'list the export locations of snapshot '
                          f'{snapshot_id}') as manila:
            return _plain(
                manila.share_snapshot_export_locations.list(snapshot_id))

    def snapshot_rules(self, snapshot_id):
        """A snapshot's access rules."""
        with self._asking(f'list the access rules of snapshot {snapshot_id}'
                          ) as manila:
            return _plain(manila.share_snapshots.access_list(snapshot_id))

    def allow_snapshot(self, snapshot_id, type_, to):
        """Begin to grant access."""
        with self._asking(f'grant access to snapshot {snapshot_id}'
                          ) as manila:
            return manila.share_snapshots.allow(snapshot_id, type_, to)

    # -- locks and metadata ----------------------------------------------

    def locks(self, resource_id):
        """The locks of a share or rule that are this user's project's."""
        with self._asking(f'list the locks of {resource_id}') as manila:
            return _plain(manila.resource_locks.list(
                {'resource_id': resource_id}))

    def lock(self, resource_type, resource_id, action, reason):
        """Lock a share or an access rule."""
        with self._asking(f'lock {resource_type} {resource_id}') as manila:
            return manila.resource_locks.create(
                resource_id, resource_type, action, reason).to_dict()

    def unlock(self, lock_id):
        """Remove a lock."""
        with self._asking(f'remove lock {lock_id}') as manila:
            manila.resource_locks.delete(lock_id)

    def set_metadata(self, share_id, **values):
        """Add to a share's metadata."""
        with self._asking(f'write the metadata of share {share_id}'
                          ) as manila:
            manila.shares.set_metadata(share_id, values)

    def delete_metadata(self, share_id, key):
        """Remove a key of it."""
        with self._asking(f'write the metadata of share {share_id}'
                          ) as manila:
            manila.shares.delete_metadata(share_id, [key])

    # -- how it is asked -------------------------------------------------

    def has(self, version):
        """Tell whether Manila supports a microversion."""
        with self._asking('tell its version') as manila:
            return manila.api_version >= version

    @contextlib.contextmanager
    def _asking(self, what, gone=Gone):
        """Context that turns what goes wrong in it into a ShareError.

        :param what: str, a verb and its objects, for the message.
        :param gone: class of it, where Manila answers that there is no such
            thing.
        """
        try:
            yield self._client()
        except base.ShareError:
            raise
        except (http_exc.HttpError, ks_exc.HttpError) as exc:
            raise _of_status(what, exc, gone) from exc
        except ks_exc.ConnectionError as exc:
            raise base.ShareError(f'Manila could not be reached to {what}: '
                                  f'{exc}.', retryable=True) from exc
        except (ks_exc.ClientException, exceptions.ClientException,
                exceptions.ManilaclientException,
                exceptions.VersionNotFoundForAPIMethod, RuntimeError) as exc:
            raise base.ShareError(f'Manila could not be asked to {what}: '
                                  f'{exc}') from exc
        except (ValueError, LookupError, TypeError, AttributeError) as exc:
            # What says that it is Manila speaks otherwise.
            raise base.ShareError(
                f'The response to a request to Manila to {what} is not '
                f'Manila\'s: {exc!r}.', retryable=True) from exc

    def _client(self):
        with self._lock:
            if self._made is None:
                self._made = self._connect()
            return self._made

    def _connect(self):
        session = self._settings.load(**self._limits)
        version = min(self._newest(self._client_of(session, NEEDED)), NEWEST)
        if version < NEEDED:
            raise base.ShareError(
                f'Manila supports API versions up to {version.get_string()}; '
                f'{NEEDED.get_string()} is needed.')
        return self._client_of(session, version)

    def _client_of(self, session, version):
        return manilaclient.Client(session=session, api_version=version,
                                   user_agent='manila-backup',
                                   **self._settings.endpoint)

    @staticmethod
    def _newest(client):
        for each in _plain(client.services.server_api_version()):
            if each['id'] == 'v2.0' and each.get('version'):
                return api_versions.APIVersion(each['version'])
        raise base.ShareError('The endpoint of Manila does not support '
                              'version 2 of its API.')


def _of_status(what, exc, gone):
    status = exc.http_status
    said = str(exc.message or exc).strip().rstrip('.')
    text = f'Manila could not {what}: {said} (HTTP {status}).'
    if status == 404 and gone is not Refused:
        return gone(text)
    if status in (400, 403, 404, 409, 413):
        refused = Refused(text, retryable=status in _RETRYABLE)
        refused.status, refused.said = status, said
        return refused
    return base.ShareError(text, retryable=status in _RETRYABLE
                           or status >= 500)


def _plain(found):
    return [each.to_dict() for each in found]
