# SPDX-License-Identifier: Apache-2.0
"""What every backup driver must do, as tests that any driver can be put to.

They need root, the standard library and nothing of the service but the
interface of drivers; ``doc/source/contributor/drivers.rst`` says how to run
them.
"""
