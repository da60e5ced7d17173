# SPDX-License-Identifier: Apache-2.0
"""Requests of which the API reference has samples."""
