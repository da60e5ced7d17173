# SPDX-License-Identifier: Apache-2.0
"""Heat's engine at work on stacks; run with the Python that it is installed
for.

usage: engine.py

Reads a line of JSON for each thing to do, and answers with one. Who is asked
and what is where is in the first.
"""

import json
import os
import sys
import traceback

from heat.common import config
from heat.common import context
from heat.common import exception
from heat.common import messaging
from heat.common import template_format
from heat.db import api as db_api
from heat.db import models
from heat.engine import environment
from heat.engine import resources
from heat.engine import stack
from heat.engine import template
from heat.objects import stack as stack_object
from keystoneauth1 import token_endpoint
from manila_backup_client import sdk
import manila_backup_heat
from openstack import service_description
from oslo_config import cfg
from oslo_log import log


class _Proxy(sdk.Proxy):
    """Says what it asks of share backups."""

    def request(self, url, method, *args, **kwargs):
        """Send a request."""
        print(method, url.rpartition('share-backups')[2].lstrip('/'),
              file=sys.stderr, flush=True)
        return super().request(url, method, *args, **kwargs)


class Engine:
    """An engine with a database of its own.

    :param folder: str, where that is kept.
    :param auth: dict of arguments of Heat's context: how its user signs in;
        or with ``endpoint`` and ``token`` where there is no Keystone.
    """

    def __init__(self, folder, auth):
        self._auth = auth
        log.register_options(cfg.CONF)
        cfg.CONF([], project='heat')
        log.setup(cfg.CONF, 'heat')
        config.startup_sanity_check()
        for name, value in {
                'plugin_dirs': [os.path.join(os.path.dirname(
                    manila_backup_heat.__file__), 'plugins')],
                'environment_dir': folder, 'template_dir': folder,
                # A failed creation is tried again once.
                'action_retry_limit': 1,
                'convergence_engine': False,
                # Or each stack needs a trust between two users.
                'deferred_auth_method': 'password'}.items():
            cfg.CONF.set_override(name, value)
        cfg.CONF.set_override(
            'connection', f'sqlite:///{folder}/heat.sqlite', 'database')
        models.BASE.metadata.create_all(db_api.get_engine())
        messaging.setup('fake://')
        sdk.SERVICE = service_description.ServiceDescription(
            'shared-file-system', {_Proxy.api_version: _Proxy})
        resources.initialise()

    def _context(self):
        """As of a request by the user."""
        auth = dict(self._auth)
        endpoint = auth.pop('endpoint', None)
        if endpoint:
            # Without a Keystone, it is all that there is of a catalog.
            auth['auth_plugin'] = token_endpoint.Token(
                endpoint, auth.pop('token'))
        return context.RequestContext(user_domain_id='default',
                                      is_admin=False, roles=[], **auth)

    def _template(self, text, parameters):
        return template.Template(
            template_format.parse(text),
            env=environment.Environment({'parameters': parameters or {}}))

    def _load(self, asked, name):
        return stack.Stack.load(asked, stack=stack_object.Stack.get_by_name(
            asked, name))

    def _tell(self, found):
        """Return a stack as a test sees it."""
        if found.action != found.DELETE:
            # As the engine does before it shows one.
            found._update_all_resource_data(for_resources=False,
                                            for_outputs=True)
        return {
            'status': f'{found.action}_{found.status}',
            'reason': found.status_reason,
            'outputs': {name: each.get_value()
                        for name, each in found.outputs.items()
                        } if found.action != found.DELETE else {},
            'resources': {name: {
                'id': each.resource_id,
                'status': f'{each.action}_{each.status}',
                'reason': each.status_reason,
            } for name, each in found.resources.items()}}

    def create(self, name, template, parameters=None):
        """Create a stack."""
        made = stack.Stack(self._context(), name,
                           self._template(template, parameters))
        made.validate()
        made.store()
        made.create()
        # Without convergence, an action's end is stored with the release of
        # a lock, which there is none of here.
        made.store()
        return self._tell(made)

    def update(self, name, template, parameters=None):
        """Update a stack."""
        asked = self._context()
        found = self._load(asked, name)
        wanted = stack.Stack(asked, name,
                             self._template(template, parameters))
        wanted.validate()
        found.update(wanted)
        found.store()
        return self._tell(self._load(asked, name))

    def check(self, name):
        """Check a stack."""
        found = self._load(self._context(), name)
        found.check()
        found.store()
        return self._tell(found)

    def show(self, name):
        """Show a stack."""
        return self._tell(self._load(self._context(), name))

    def attribute(self, name, resource, attribute):
        """Get an attribute of a resource of a stack."""
        asked = self._context()
        # A resource does not keep its stack.
        found = self._load(asked, name)
        return found[resource].FnGetAtt(attribute)

    def live(self, name, resource):
        """Return the properties that a resource of a stack really has."""
        asked = self._context()
        held = self._load(asked, name)
        found = held[resource]
        return found.get_live_state(found.properties)

    def delete(self, name):
        """Delete a stack."""
        found = self._load(self._context(), name)
        found.delete()
        return self._tell(found)

    def available(self, resource_type):
        """Tell whether the service of a type of resources is there."""
        found = resources.global_env().get_class(resource_type)
        return found.is_service_available(self._context())[0]

    def schema(self, resource_type):
        """Return the template that has all properties of a type."""
        return resources.global_env().get_class(
            resource_type).resource_to_template(resource_type, 'hot')


def main():
    """Do what is read, until there is no more."""
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    # What is not an answer goes where the log does.
    os.dup2(2, 1)
    engine = Engine(**json.loads(sys.stdin.readline()))
    print(json.dumps({'answer': None}), file=answers)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {'answer': getattr(engine, asked.pop('do'))(**asked)}
        except exception.HeatException as exc:
            answer = {'refusal': str(exc)}
        except Exception:
            answer = {'fault': traceback.format_exc()}
        print(json.dumps(answer, default=str), file=answers)


if __name__ == '__main__':
    main()
