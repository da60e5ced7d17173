# SPDX-License-Identifier: Apache-2.0
"""Messages about what went wrong."""

from manila_backup.ui import calls
from manila_backup.ui import words


def index(page):
    """List messages, newest first."""
    offset = page.number('offset') or 0
    found = page.api.get('/messages', limit=calls.PAGE,
                         offset=offset)['messages']
    return page.render('messages.html', messages=found, offset=offset,
                       size=calls.PAGE, more=len(found) == calls.PAGE)


def delete(page, message_id):
    """Delete a message."""
    page.api.delete(f'/messages/{words.quote(message_id)}')
    return page.redirect('messages', done='message-deleted')


ROUTES = {
    '/messages': {'GET': index},
    '/messages/{message_id}/delete': {'POST': delete},
}
