# SPDX-License-Identifier: Apache-2.0
"""Output of the demo: progress, sizes, and how to go on."""

import sys
import time


def counted(number, one, many=None):
    """A number with what it is of: 1 entry, 2 entries."""
    return f'{number} {one if number == 1 else many or one + "s"}'


def human(size):
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if size < 1024 or unit == 'GiB':
            return f'{size:.0f} {unit}' if unit == 'B' \
                else f'{size:.1f} {unit}'
        size /= 1024


class Bar:
    """A progress bar: redrawn on a terminal, a line of figures elsewhere."""

    WIDTH = 40

    def __init__(self, title):
        self.title = title
        self.live = sys.stdout.isatty()
        self.started = time.monotonic()
        self.shown = -10
        self.last = 0

    def show(self, percent):
        seconds = time.monotonic() - self.started
        self.last = percent
        if self.live:
            filled = self.WIDTH * percent // 100
            bar = '#' * filled + '.' * (self.WIDTH - filled)
            print(f'\r  {self.title:<10} [{bar}] {percent:3d} % '
                  f'{seconds:6.1f} s', end='', flush=True)
        elif percent >= self.shown + 10 or self.shown < percent == 100:
            start = f'  {self.title:<10}' if self.shown < 0 else ''
            print(f'{start} {percent}%', end='', flush=True)
            self.shown = percent

    def finish(self):
        """Draw the end; returns the seconds it took."""
        seconds = time.monotonic() - self.started
        self.show(100)
        print('' if self.live else f'  ({seconds:.1f} s)')
        return seconds


NEXT = """
To go on by hand, start the service again, on a directory that stays
(~/.local/state/manila-backup, or /var/lib/manila-backup for root):

    .venv/bin/manila-backup-all

and in another terminal:

    export OS_AUTH_TYPE=none OS_ENDPOINT=http://127.0.0.1:8789/v2
    PATH=$PWD/.venv/bin:$PATH
    openstack share create NFS 1 --name stuff --wait
    openstack share export location list stuff    # the directory to fill
    openstack share backup create stuff --name first
    until openstack share backup list | grep -w available; do sleep 1; done
    openstack share backup show first
    openstack share backup restore first --wait
    openstack share backup delete first --wait
"""
