# SPDX-License-Identifier: Apache-2.0
"""Conversions between what Heat has and what the service takes and tells."""

from heat.engine import attributes


def schemas(described):
    """Return the schemas of attributes, asked for each time.

    :param described: iterable of (name, type or None, description).
    """
    return {
        name: attributes.Schema(text, type=kind,
                                cache_mode=attributes.Schema.CACHE_NONE)
        for name, kind, text in described}


def strings(found):
    """Return a map as the service takes it; an empty one for None."""
    return {key: str(value) for key, value in (found or {}).items()}


def as_dict(found):
    """Return what the service tells of a resource of openstacksdk's."""
    return found.to_dict(headers=False, computed=False, original_names=True)
