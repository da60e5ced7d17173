# SPDX-License-Identifier: Apache-2.0
"""Operations on resources: a handler function, and as data the preconditions
of its call."""

from manila_backup.api import extension as extension_
from manila_backup.api import faults
from manila_backup.api import microversions
from manila_backup.api import validation


class Operation:
    """One operation of the API.

    Called with a :class:`~manila_backup.api.request.Request` and the
    variable parts of its path; checks in this order that the version has
    the operation (404), that the policy allows it for things of the
    caller's own project (403), and that query string and body are valid
    (400 and relatives). The function then gets the request, the parts of
    the path and, where declared, ``params`` and ``document``.

    :param function: does it; returns a status code and the body to encode
        as JSON, or None for no body.
    :param rule: str, the policy rule's name; None where anyone may.
    :param since: (major, minor), the first version that has it.
    :param until: (major, minor), the last version that has it, or None.
    :param extension: (major, minor), the first version of the extension
        (:mod:`manila_backup.api.extension`) that has it; None if it belongs
        to no extension.
    :param query: dict of query parameters, see
        :func:`~manila_backup.api.validation.parse`.
    :param body: a :class:`~manila_backup.api.validation.Schema`, or a
        function that picks one by the request's version and that of the
        extension.
    :param all_rule: str, the name of the policy rule of who finds things of
        other projects too; None where nobody does.
    :param codes: tuple of int, status codes of errors beside those that all
        such operations have.
    """

    def __init__(self, function, rule, since, until, extension, query, body,
                 all_rule=None, codes=()):
        self.function = function
        self.rule = rule
        self.all_rule = all_rule
        self.since = since
        self.until = until
        self.extension = extension
        self.query = query
        self.body = body
        self.codes = codes
        self.__doc__ = function.__doc__

    def is_offered(self, version, extension):
        """Tell whether a version of the API has this operation.

        :param version: (major, minor).
        :param extension: (major, minor) of the extension, or None.
        """
        return (self.since <= version
                and (self.until is None or version <= self.until)
                and extension_.includes(extension, self.extension))

    def __call__(self, req, **path):
        if not extension_.includes(req.extension, self.extension):
            raise extension_.not_found(self.extension)
        if not self.is_offered(req.version, req.extension):
            raise microversions.not_found(req.version, self.since)
        if self.rule is not None:
            req.authorize(self.rule)
        req.context.all_projects = (self.all_rule is not None
                                    and req.allows(self.all_rule))
        if self.query is not None:
            path['params'] = validation.parse(self.query, req.params,
                                              req.extension)
        if self.body is not None:
            schema = self.body
            if not isinstance(schema, validation.Schema):
                schema = schema(req.version, req.extension)
            document = req.document
            schema.check(document)
            path['document'] = document
        return self.function(req, **path)


def operation(rule, since=microversions.MIN, until=None, extension=None,
              query=None, body=None, all_rule=None, codes=()):
    """Decorator that makes an :class:`Operation` of a function."""
    return lambda function: Operation(function, rule, since, until, extension,
                                      query, body, all_rule, codes)


def extension_of(operations):
    """Return the first version of the extension that has any of some
    operations; None if there are some without it."""
    needed = [each.extension for each in operations]
    return None if None in needed else min(needed)


class Actions:
    """A path whose body names what to do: ``{"NAME": ...}``.

    :param actions: dict of name to :class:`Operation`.
    """

    def __init__(self, actions):
        self.actions = actions

    @property
    def since(self):
        """(major, minor), the first version that has any."""
        return min(each.since for each in self.actions.values())

    @property
    def extension(self):
        """(major, minor), the first version of the extension that has any;
        None if there are some without it."""
        return extension_of(self.actions.values())

    def __call__(self, req, **path):
        if not extension_.includes(req.extension, self.extension):
            raise extension_.not_found(self.extension)
        if req.version < self.since:
            raise microversions.not_found(req.version, self.since)
        document = req.document
        if not isinstance(document, dict) or len(document) != 1:
            raise faults.bad_request(
                'The body must be an object with exactly one member, which '
                'names the action.')
        name = next(iter(document))
        action = self.actions.get(name)
        if action is None or not action.is_offered(req.version,
                                                   req.extension):
            raise faults.bad_request(f'There is no action {name[:64]!r}.')
        return action(req, **path)
