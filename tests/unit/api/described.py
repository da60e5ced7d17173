# SPDX-License-Identifier: Apache-2.0
"""Holds answers against the service's own description of them."""

import re

import jsonschema

_OPEN = re.compile(r'\\\{[a-z_]+\\\}')


class Answers:
    """Description of answers in a document of
    :mod:`manila_backup.api.openapi`.

    :param document: dict.
    """

    def __init__(self, document):
        self._document = document
        # What has no open parts comes first: /detail is no id.
        self._paths = sorted(
            ((re.compile(_OPEN.sub('[^/]+', re.escape(
                path.removesuffix('/')).replace(
                    re.escape('{key}'), '[^/]+.*'))), item)
             for path, item in document['paths'].items()),
            key=lambda entry: '[^/]+' in entry[0].pattern)
        self._resources = {path.split('/')[2] for path in document['paths']
                           if path.startswith('/v2/')}

    def check(self, method, path, status, kind, body):
        """Make sure that an answer is one of those described.

        What no operation answers (an unknown path or method) only has to
        be a fault as they all are.

        :param path: str, without the query string.
        :param status: int.
        :param kind: str, the content type, or None.
        :param body: decoded from JSON where it was that, else text.
        """
        described = self._find(method, path, status)
        content = described.get('content', {})
        if not content:
            if body:
                raise AssertionError(f'{method} {path}: a body with {status}')
            return
        if not body and path.endswith('/action'):
            # Some actions answer with a body and some without one.
            return
        kind = (kind or '').partition(';')[0]
        if kind not in content:
            raise AssertionError(f'{method} {path}: {kind} with {status}')
        self._validate(content[kind]['schema'], body)

    def _find(self, method, path, status):
        path = self._without_project(path.removesuffix('/'))
        item = next((item for pattern, item in self._paths
                     if pattern.fullmatch(path)), {})
        answers = item.get(method.lower(), {}).get('responses')
        if answers is None:
            if status not in (400, 401, 403, 404, 405, 406):
                raise AssertionError(
                    f'{method} {path} is not described, but gives {status}')
            return {'content': {'application/json': {'schema': {
                '$ref': f'#/components/schemas/Fault{status}'}}}}
        found = answers.get(str(status))
        if found is None:
            raise AssertionError(
                f'{method} {path}: {status} is not described')
        reference = found.get('$ref')
        if reference:
            return self._document['components']['responses'][
                reference.rpartition('/')[2]]
        return found

    def _without_project(self, path):
        parts = path.split('/')
        if len(parts) > 3 and parts[2] not in self._resources:
            del parts[2]
        return '/'.join(parts)

    def _validate(self, schema, body):
        jsonschema.Draft202012Validator({
            **schema, 'components': self._document['components']},
            format_checker=_FORMATS).validate(body)


_FORMATS = jsonschema.FormatChecker(['uuid'])
