# SPDX-License-Identifier: Apache-2.0
"""Requests to a service, and what was said, written down as samples."""

import json
import re
import time
import uuid

import service

VERSION = '2.91'

#: Asks for what Manila does not have.
EXTENSION = {'OpenStack-API-Version': 'shared-file-system-backup 1.2'}

REPOSITORIES = {'OpenStack-API-Version': 'shared-file-system-backup 1.3'}

POLICIES = {'OpenStack-API-Version': 'shared-file-system-backup 1.1'}

#: The ids in the samples follow from this and from the order in which they
#: turn up.
IDS = uuid.UUID('cd7a3d06-23b3-4d05-b4ca-7c9a20faa95f')
UUID = re.compile('[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}')
TIMES = {'due_at': '2023-08-17T00:30:00.000000',
         'next_run_at': '2023-08-18T00:30:00.000000',
         'ended_at': '2023-08-17T00:52:11.000000',
         'mtime': '2023-08-16T12:46:40.000000',
         'created_at': '2023-08-16T13:03:59.000000',
         'expires_at': '2023-09-15T13:03:59.000000',
         'completed_at': '2023-08-16T13:05:16.000000',
         'measured_at': '2023-08-16T13:05:16.000000',
         'updated_at': '2023-08-16T13:05:16.000000'}
#: Of what no two runs say the same.
NUMBERS = {'duration': 77, 'bytes_per_second': 2, 'used_bytes': 4 << 40,
           'free_bytes': 12 << 40}

PERIOD = '2023-08-17'


def wait_until(look, timeout=120):
    """Return what ``look`` returns once that is something."""
    end = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise service.Failed(f'Nothing came in {timeout} s.')
        time.sleep(0.2)


class Sampler:
    """Makes requests and writes down what was said.

    :param scratch: pathlib.Path of a directory for the service.
    :param target: pathlib.Path of the directory for the samples.
    """

    def __init__(self, scratch, target):
        self.scratch = scratch
        self.target = target
        self.service = service.Service(scratch)
        self.service.microversion = VERSION
        self.ids = {}

    def call(self, method, path, body=None, request=None, response=None,
             user='alice', headers=None):
        """Make a request that has to succeed.

        :param user: who makes it; ``alice`` is an ordinary user.
        :param request: name of the sample of the body, or None.
        :param response: name of the sample of the answer, or None.
        :param headers: dict of further headers.
        """
        self.service.user = user
        answer = self.service.call(method, path, body, headers)
        if request:
            self.write(f'{request}-request', body)
        if response:
            self.write(f'{response}-response', answer)
        return answer

    def write(self, name, document):
        text = json.dumps(self.tidy(document), indent=4, ensure_ascii=False)
        (self.target / f'{name}.json').write_text(text + '\n')

    def tidy(self, value, key=None):
        if isinstance(value, dict):
            return {name: self.tidy(item, name)
                    for name, item in value.items()}
        if isinstance(value, list):
            return [self.tidy(item, key) for item in value]
        if not isinstance(value, str):
            return NUMBERS.get(key, value) if value is not None else None
        if key == 'period':
            return PERIOD
        if TIME.fullmatch(value):
            return TIMES.get(key, TIMES['created_at'])
        value = value.replace(self.service.url,
                              'https://share-backup.example')
        value = value.replace(str(self.service.state), '/srv')
        value = value.replace(str(self.scratch), '/exports')
        value = value.replace(service.HOST, 'node1')
        return UUID.sub(self.other_id, value)

    def other_id(self, match):
        found = match[0]
        if found not in self.ids:
            self.ids[found] = str(uuid.uuid5(IDS, str(len(self.ids))))
        return self.ids[found]
