# SPDX-License-Identifier: Apache-2.0
"""Tests of the resources in Heat's own engine, with a real Keystone and a real
service.

What runs in Heat's environment, ``engine``, is no module of the tests' own.
"""
