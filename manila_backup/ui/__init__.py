# SPDX-License-Identifier: Apache-2.0
"""Pages for a browser, at ``/ui/`` of the API.

They are made on the server, need no script except for what is live, and load
nothing from elsewhere. Their only way to data are calls of the API in the
same process, as the one who is signed in: so every policy holds here, too.

* :mod:`.app`: the WSGI application, its routes and security headers
* :mod:`.session`: who is signed in, in a signed cookie
* :mod:`.sign_in`: from credentials to a session, per ``auth_strategy``
* :mod:`.calls`: calls of the API
* :mod:`.page`: one request and its answer
* :mod:`.pages`: a module per group of pages
* :mod:`.live`: progress as server-sent events
* :mod:`.words`, :mod:`.due` and :mod:`.pictures`: numbers, times, states and
  schedules as a person reads them, and as a time line
"""
