# SPDX-License-Identifier: Apache-2.0
"""The Debian packages on a Debian of their own: installed, and used as the
administrator's guide says."""
