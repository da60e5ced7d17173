# SPDX-License-Identifier: Apache-2.0
"""Panels of Horizon for share backups.

``service`` asks the service, ``text`` writes what it answers for people,
``project`` and ``admin`` have the panels, and ``enabled`` what Horizon is told
of them.
"""
