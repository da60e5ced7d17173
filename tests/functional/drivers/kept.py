# SPDX-License-Identifier: Apache-2.0
"""Tests of the conformance suite that a driver's module keeps: of a class
that has their names as ``KEPT``, those; of others, all."""

import unittest

import testtools


def load_tests(loader, standard, pattern):
    """Leave out the rest: for modules to have as their own."""
    chosen = unittest.TestSuite()
    for test in testtools.iterate_tests(standard):
        kept = getattr(test, 'KEPT', None)
        if kept is None or test.id().rpartition('.')[2] in kept:
            chosen.addTest(test)
    return chosen
