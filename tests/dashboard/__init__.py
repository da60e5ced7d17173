# SPDX-License-Identifier: Apache-2.0
"""Tests of the panels in a real Horizon, with a real Keystone and a real
service.

What runs in Horizon's environment, ``horizon_settings`` and
``serve_horizon``, is no package of the tests' own.
"""
