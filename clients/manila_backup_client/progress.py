# SPDX-License-Identifier: Apache-2.0
"""Waiting for the end of something, with a progress bar."""

import sys
import time

#: Seconds between two looks, at first and at last.
FIRST, LAST = 0.2, 2.0

_WIDTH = 40


def wait(look, title, stream=sys.stderr):
    """Look again and again until it is over.

    :param look: a function without arguments that returns (whether it is
        over, the percentage as int or None).
    :param title: str, before the bar.
    :param stream: where the bar is drawn, if that is a terminal.
    """
    pause = FIRST
    drawn = stream.isatty()
    while True:
        over, percent = look()
        if drawn and percent is not None:
            filled = _WIDTH * percent // 100
            stream.write(f'\r{title} [{"#" * filled:{_WIDTH}}] {percent:3d} %')
            stream.flush()
        if over:
            break
        time.sleep(pause)
        pause = min(LAST, pause * 1.3)
    if drawn:
        stream.write('\n')
