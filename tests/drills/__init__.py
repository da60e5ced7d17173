# SPDX-License-Identifier: Apache-2.0
"""Drills: what an operator hopes never to need, done with all that is
real, and what comes of it compared to what there was.

They are no part of the functional tests: "make recovery-drill", "make
upgrade-drill" and "make region-drill" run them.
"""
