# SPDX-License-Identifier: Apache-2.0
"""The service's user and virtual host in RabbitMQ, by its management API."""

import base64
import http.client
import json
import os
import sys
import urllib.parse


def _put(path, body):
    url = urllib.parse.urlsplit(os.environ['ADMIN_RABBITMQ_API'])
    login = ':'.join(urllib.parse.unquote(part)
                     for part in (url.username, url.password))
    connection = http.client.HTTPConnection(url.hostname, url.port,
                                            timeout=30)
    connection.request('PUT', f'/api/{path}', json.dumps(body), {
        'Content-Type': 'application/json',
        'Authorization': 'Basic ' + base64.b64encode(login.encode()).decode()})
    answer = connection.getresponse()
    connection.close()
    if answer.status >= 300:
        raise SystemExit(f'{path}: {answer.status} {answer.reason}')


def main():
    """Make what is missing, and set the password."""
    wanted = urllib.parse.urlsplit(os.environ['RABBITMQ_CONNECTION'])
    # They are quoted in the URL of the connection, as in these.
    user, vhost = wanted.username, wanted.path.removeprefix('/')
    _put(f'users/{user}',
         {'password': urllib.parse.unquote(wanted.password), 'tags': ''})
    _put(f'vhosts/{vhost}', {})
    _put(f'permissions/{vhost}/{user}',
         {'configure': '.*', 'write': '.*', 'read': '.*'})
    return 0


if __name__ == '__main__':
    sys.exit(main())
