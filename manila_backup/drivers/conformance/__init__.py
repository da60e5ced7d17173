# SPDX-License-Identifier: Apache-2.0
"""Conformance tests for backup drivers.

They need root, the standard library and nothing of the service but the
interface of drivers; ``doc/source/contributor/drivers.rst`` says how to run
them.
"""
