# SPDX-License-Identifier: Apache-2.0
"""Checks bodies against JSON schemas, and query strings."""

import jsonschema
from jsonschema import exceptions as jsonschema_exc

from manila_backup.api import extension as extension_
from manila_backup.api import faults


class Schema:
    """A JSON schema (2020-12) of a request's body, compiled once.

    :param schema: dict. That it is a schema is for a unit test to check:
        with all of them, at each start, that takes long.
    :param resource: str, the key of the object that the body must hold;
        without it the answer is 422, not 400.
    """

    def __init__(self, schema, resource=None):
        self.schema = schema
        self.resource = resource
        self._validator = jsonschema.Draft202012Validator(schema)

    def check(self, document):
        """Make sure that ``document`` is as the schema says.

        :raises manila_backup.api.faults.Fault: 400, naming the field; 422
            if the object that it is all about is missing.
        """
        if self.resource and not (
                isinstance(document, dict)
                and isinstance(document.get(self.resource), dict)):
            raise faults.Fault(422, f'The body must be an object with an '
                                    f'object "{self.resource}" in it.')
        try:
            error = jsonschema_exc.best_match(
                self._validator.iter_errors(document))
        except RecursionError as exc:
            raise faults.bad_request('The body is nested too deeply.') \
                from exc
        if error:
            raise faults.bad_request(_explain(error))


def parse(properties, given, extension=None):
    """The known ones of some query parameters; unknown ones are ignored.

    :param properties: dict of name to a function that makes the value from
        a str, and raises ValueError with a message if it can't. One with the
        attribute ``extension`` is only known from that version of the
        extension on.
    :param given: dict of str to str.
    :param extension: (major, minor) of the extension that is asked for, or
        None.
    :returns: dict.
    :raises manila_backup.api.faults.Fault: 400, naming the parameter.
    """
    values = {}
    for name, text in given.items():
        convert = properties.get(name)
        if convert is None or not extension_.includes(
                extension, getattr(convert, 'extension', None)):
            continue
        try:
            values[name] = convert(text)
        except ValueError as exc:
            raise faults.bad_request(
                f'The parameter {name} is not valid: {exc}.') from exc
    return values


def _explain(error):
    """One sentence about what is wrong where."""
    where = '.'.join(str(step) for step in error.absolute_path)
    field = f'The field {where}' if where else 'The body'
    kind, allowed = error.validator, error.validator_value
    if kind == 'additionalProperties':
        known = error.schema.get('properties', {})
        extra = sorted(name for name in error.instance if name not in known)
        return (f'{field} has members that are not known: '
                f'{", ".join(extra)[:200]}. Known are '
                f'{", ".join(sorted(known))}.')
    if kind == 'required':
        missing = [name for name in allowed if name not in error.instance]
        return f'{field} lacks {", ".join(missing)}.'
    if kind == 'type':
        names = [allowed] if isinstance(allowed, str) else allowed
        return f'{field} must be of type {" or ".join(names)}.'
    if kind == 'enum':
        return f'{field} must be one of {", ".join(map(str, allowed))}.'
    if kind in ('maxLength', 'minLength'):
        most = 'at most' if kind == 'maxLength' else 'at least'
        return f'{field} must have {most} {allowed} characters.'
    if kind in ('minimum', 'maximum'):
        most = 'at most' if kind == 'maximum' else 'at least'
        return f'{field} must be {most} {allowed}.'
    if kind in ('minProperties', 'maxProperties'):
        most = 'at most' if kind == 'maxProperties' else 'at least'
        return f'{field} must have {most} {allowed} members.'
    hint = error.schema.get('description', f'what its {kind} allows')
    return f'{field} must be {hint}.'
