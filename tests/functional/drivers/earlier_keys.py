# SPDX-License-Identifier: Apache-2.0
"""Repositories that an earlier release made, whose keys it had written anew
with less of restic's key derivation: with nothing in them, and the secret
``SECRET``.
"""

import base64
import hashlib
import json
import os

SECRET = 'x' * 64

# What restic makes besides.
_FOLDERS = ('data', 'index', 'keys', 'locks', 'snapshots')

_REPOSITORIES = {
    '.catalogue': {
        'created': '2026-11-29T03:59:48.718637992Z',
        'salt':
        'DfThDv9iACgl0HwrK8bJddDzHwEhsuU2JjyTzhRzlaYb7vGRTIA6tf4vDNdtMVCC'
        '8s18bmlyOCX+dbXkEmCtdg==',
        'data':
        'eLzCsQHKu+skYCJYRoeBpSQw2X8rMW/RQUnbyrQlUSN7EVAT1hCoImqhSdM+/X9L'
        '/8LeTW7w6RPabSliRiFFgv5F+t2b3ViDnHIfTMVRuChXHD4MVipx2nJnVis+CQso'
        'y3xh6NZ0Q6FZUZzcFVQZnKvZZADZ5I/Wve4CdmjhCuri3+4RJhHmseePHKe1G2zo'
        'cEaLtnWIdWzq/Q55L6TXIQ==',
        'config':
        'dia4hQ8ZeIVMi8Qniu7/ejbtRMHRKga7cBNsmLndIVdJ6UrnGWTYd874U3mxd5SB'
        'vjnDVO16lHhAZuX1Oy41ozjsZyVcboNQbNb00uqkh3nYoFuMKY1Q3KtTltNj7Yux'
        'ZKJ3V4dLWGghueuL77k+4SH88EPODYkrabAuYwHC02U+ktdzEneK74ej7hsxQjKN'
        'qKSKxmEpLw6PYoE=',
    },
    'project': {
        'created': '2026-11-29T03:59:50.95403097Z',
        'salt':
        '4kbkN2qLs5IF/WYxGyJCLh01T+DGaQMjztS+Y1B5U6oaLujDrc+iynOcgEaOSADO'
        'wlqxIuEzM4dZtA5szSLPOQ==',
        'data':
        'UeEN1NGFhlrs0Zo42wHRzqkevJiNom5MVPWRCEN/S5xvyTvmo5OXzmjo4Gr7Asu4'
        'wwZKnBJNBk5b569uP2XPS6VTYF41OU6vS8s09KNQ/q1+xCvhjrGit0VbV7BWsPB1'
        'HRtBVQxP203/+v04Vg4ItIy1PVEl00PAGw0c1QkNdDKPle0UoXqxpFrc9HV14jzx'
        'xJQGk1I7LxPj55/92LL+FQ==',
        'config':
        'YUQGRH06DunWhy4wMWODp0SdoJEtlSgUR090RdJJoW4REDgRqH895lMxt+bdMbEs'
        'RQEezyKAe2DdsRtefOzpvX43EBRHJBe2DGnO17RrDD0tu7mzgwn98R81QxTZsPTK'
        '1B8lRJeg8ikeM/xinFad5cb/Y5Cck2qY0WUiWDvOENJ1IUipJOhkvMRF+OesCi/J'
        'iQd5WTGi74255GU=',
    },
}


def make(path):
    """Put them into a new directory."""
    for name, parts in _REPOSITORIES.items():
        at = os.path.join(path, name)
        for folder in _FOLDERS:
            os.makedirs(os.path.join(at, folder))
        key = json.dumps({
            'created': parts['created'], 'username': 'root',
            'hostname': 'host', 'kdf': 'scrypt', 'N': 1024, 'r': 8, 'p': 1,
            'salt': parts['salt'], 'data': parts['data']}).encode()
        _write(os.path.join(at, 'keys', hashlib.sha256(key).hexdigest()), key)
        _write(os.path.join(at, 'config'), base64.b64decode(parts['config']))


def _write(path, content):
    with open(path, 'wb') as target:
        target.write(content)
