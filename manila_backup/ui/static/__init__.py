# SPDX-License-Identifier: Apache-2.0
"""The pages' style and script, which are files beside this module."""

import hashlib
import importlib.resources

import webob

#: Where they stand below ``/ui/``.
FOLDER = 'static/'

_TYPES = {'style.css': 'text/css', 'live.js': 'text/javascript',
          'icon.svg': 'image/svg+xml'}

_FILES = {}


def answer(name, environ):
    """Answer a request for a file.

    :param name: str, below :data:`FOLDER`.
    :param environ: the WSGI environment.
    """
    if name not in _TYPES:
        return webob.Response('There is no such file.', status=404,
                              content_type='text/plain')
    if name not in _FILES:
        content = importlib.resources.files(__name__).joinpath(
            name).read_bytes()
        _FILES[name] = content, hashlib.sha256(content).hexdigest()
    content, digest = _FILES[name]
    response = webob.Response(
        content, content_type=_TYPES[name], charset='utf-8',
        conditional_response=True)
    response.etag = digest
    response.cache_control = 'max-age=300'
    return response
