# SPDX-License-Identifier: Apache-2.0
"""A test ends in time, whatever it waits for.

A test that takes longer than OS_TEST_TIMEOUT seconds fails with the line that
it was at. One that can't even be told so, as it waits in a library that knows
nothing of Python's signals, and a class whose beginning or end hangs, end
their process, which shows what all its threads were at: stestr counts the test
as failed, and the tests of other processes go on.
"""

import os
import signal
import sys
import threading
import unittest

from tests import leak_guard

#: How many times as long as one test may take may pass from the beginning of
#: one to that of the next.
TIMES = 2


class TooLong(AssertionError):
    """A test took longer than it may."""


def watch():
    """Limit all tests of this process, if it is one of stestr's."""
    spec = sys.modules['__main__'].__spec__
    seconds = int(os.environ.get('OS_TEST_TIMEOUT') or 0)
    if seconds and spec and spec.name.startswith('stestr.'):
        begin(seconds)


def begin(seconds):
    """Limit all tests of this process.

    :param seconds: int, how long a test may take.
    """
    call = unittest.TestCase.__call__
    begun = threading.Event()

    def call_in_time(test, *args, **kwargs):
        begun.set()
        signal.alarm(seconds)
        try:
            return call(test, *args, **kwargs)
        finally:
            signal.alarm(0)

    def end_test(number, frame):
        raise TooLong(f'the test takes longer than {seconds} s')

    def end_process():
        begun.wait()
        while begun.wait(TIMES * seconds):
            begun.clear()
        leak_guard.end(f'Nothing has happened for {TIMES * seconds} s:')

    signal.signal(signal.SIGALRM, end_test)
    unittest.TestCase.__call__ = call_in_time
    threading.Thread(target=end_process, name='limits', daemon=True).start()
