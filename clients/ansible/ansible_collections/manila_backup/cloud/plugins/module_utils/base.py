# SPDX-License-Identifier: Apache-2.0
"""Base of the modules: the connection, and how they end."""

import traceback
import uuid

from ansible.module_utils import basic

try:
    from manila_backup_client import sdk
    import openstack
    from openstack import exceptions
except ImportError:
    MISSING = traceback.format_exc()
else:
    MISSING = None

#: Options of all modules: doc_fragments/cloud.py.
CONNECTION = {
    'cloud': {'type': 'str'},
    'auth': {'type': 'dict', 'no_log': True},
    'auth_type': {'type': 'str'},
    'endpoint': {'type': 'str'},
    'region_name': {'type': 'str'},
    'interface': {'type': 'str',
                  'choices': ['public', 'internal', 'admin']},
    'validate_certs': {'type': 'bool'},
    'ca_cert': {'type': 'path'},
}

#: The same as openstacksdk calls them, where it does otherwise.
_NAMES = {'validate_certs': 'verify', 'ca_cert': 'cacert',
          'endpoint': 'shared_file_system_endpoint_override'}

#: Kinds of authentication that have no catalog, and need to be told.
_WITHOUT_CATALOG = ('none', 'http_basic')


def is_id(text):
    """Tell whether a name or an id has the form of an id."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def as_dict(found):
    """Return a resource of openstacksdk as the API shows it."""
    return found.to_dict(headers=False, computed=False, original_names=True)


class Module:
    """A module at work: :meth:`run` of a subclass returns its result.

    :param spec: dict, the options that it has beside :data:`CONNECTION`.
    :param more: further arguments of AnsibleModule.
    :ivar params: dict, the options' values.
    :ivar shares: the proxy of openstacksdk, while it runs.
    """

    def __init__(self, spec, **more):
        self.ansible = basic.AnsibleModule(
            argument_spec={**CONNECTION, **spec}, supports_check_mode=True,
            **more)
        self.params = self.ansible.params
        self.shares = None

    @property
    def check(self):
        """bool, whether nothing is to be changed."""
        return self.ansible.check_mode

    def __call__(self):
        """Run, tell the result and exit."""
        if MISSING:
            self.ansible.fail_json(msg=basic.missing_required_lib(
                'python-manila-backup-client'), exception=MISSING)
        try:
            with self._connect() as connection:
                self.shares = connection.shared_file_system
                result = self.run()
        except exceptions.SDKException as exc:
            self.ansible.fail_json(msg=str(exc))
        self.ansible.exit_json(**result)

    def run(self):
        """Do what the module is for.

        :returns: dict, the module's result.
        """
        raise NotImplementedError

    def fail(self, text):
        """End with a reason."""
        self.ansible.fail_json(msg=text)

    def changed(self, name, before, after, found):
        """Return the result of a change, or of none.

        :param name: str, where in the result the thing stands.
        :param before: dict of what there was, of what is managed.
        :param after: dict of what there is then.
        :param found: dict, the thing; None if it is gone.
        """
        result = {'changed': before != after, name: found}
        if self.ansible._diff:
            result['diff'] = {'before': before, 'after': after}
        return result

    def _connect(self):
        given = {_NAMES.get(name, name): self.params[name]
                 for name in CONNECTION if self.params[name] is not None}
        endpoint = self.params['endpoint']
        if endpoint and self.params['auth_type'] in _WITHOUT_CATALOG:
            given['auth'] = {'endpoint': endpoint, **given.get('auth', {})}
        connection = openstack.connect(**given)
        sdk.attach(connection)
        return connection

    def find_share(self, share):
        """Return a share's id by its name or id; None if there is none."""
        try:
            return self.shares.find_share(share, ignore_missing=False).id
        except exceptions.NotFoundException:
            return None

    def need_share(self, share):
        """Return a share's id by its name or id; end if there is none."""
        found = self.find_share(share)
        if found is None:
            self.fail(f'Share {share} could not be found.')
        return found

    def get(self, get, name_or_id):
        """Return a resource by its id; None if there is none, or if it has
        not the form of one.

        :param get: a function of the proxy.
        """
        if is_id(name_or_id):
            try:
                return get(name_or_id)
            except exceptions.NotFoundException:
                pass
        return None
