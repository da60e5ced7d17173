# SPDX-License-Identifier: Apache-2.0
"""Policies of messages for users."""

from manila_backup.policies import base

GET = 'message:get'
GET_ALL = 'message:get_all'
GET_ALL_PROJECT = 'message:get_all_project'
DELETE = 'message:delete'

RULES = [
    base.rule(GET, base.READER, 'Show a message.',
              'GET /v2/messages/{message_id}'),
    base.rule(GET_ALL, base.READER,
              'List the messages of one\'s project.', 'GET /v2/messages'),
    base.rule(GET_ALL_PROJECT, base.ADMIN,
              'List the messages of all projects, and find them by their ids.',
              'GET /v2/messages'),
    base.rule(DELETE, base.MEMBER, 'Delete a message.',
              'DELETE /v2/messages/{message_id}'),
]
