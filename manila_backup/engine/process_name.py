# SPDX-License-Identifier: Apache-2.0
"""Names for processes."""

import os
import uuid

from manila_backup.db import texts


def make(conf):
    """A name for this process, and this life of it: ``host:pid:random``, which
    the columns for it hold whatever the host is called."""
    own = f':{os.getpid()}:{uuid.uuid4().hex[:8]}'
    return texts.fit(conf.host, 255 - len(own)) + own
