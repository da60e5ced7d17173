# SPDX-License-Identifier: Apache-2.0
"""Schemas of requests about share types."""

from manila_backup.api.schemas import types
from manila_backup.api import validation

RESOURCE = 'share_type'

#: Every type must say whether its driver handles share servers. None does
#: here, but that is for the type to say.
REQUIRED_SPEC = 'driver_handles_share_servers'

_NAME = {'type': 'string', 'minLength': 1, 'maxLength': 255}

_VALUE = {'type': ['string', 'boolean', 'integer'], 'maxLength': 255,
          'minimum': -types.MAX_INTEGER, 'maximum': types.MAX_INTEGER}

_SPECS = {**types.STRINGS, 'type': 'object', 'additionalProperties': _VALUE}

_PUBLIC = dict.fromkeys(
    ('share_type_access:is_public', 'os-share-type-access:is_public'),
    types.BOOLEAN)

CREATE = validation.Schema(types.wrapped(RESOURCE, {
    'name': _NAME,
    'description': types.TEXT,
    'extra_specs': {
        **_SPECS, 'required': [REQUIRED_SPEC],
        'properties': {REQUIRED_SPEC: types.BOOLEAN},
    },
    **_PUBLIC,
}, required=['name', 'extra_specs']), RESOURCE)

UPDATE = validation.Schema(types.wrapped(RESOURCE, {
    'name': _NAME,
    'description': types.TEXT,
    **_PUBLIC,
}), RESOURCE)

SPECS = validation.Schema(types.obj({'extra_specs': _SPECS},
                                    ['extra_specs']))


@types.converter({
    'type': 'string',
    'enum': [*types.boolean.schema['enum'], 'all', 'None', 'none']})
def _visibility(value):
    """``is_public`` of a list of types: True, False, or None for all."""
    return None if value in ('all', 'None', 'none') else types.boolean(value)


LIST = {'is_public': _visibility}


def public(asked):
    """Return the visibility that a body asks for, as a bool, or None."""
    for name in _PUBLIC:
        if name in asked:
            return types.boolean(asked[name])
    return None
