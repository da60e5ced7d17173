# SPDX-License-Identifier: Apache-2.0
"""Backup policies as calculations: when backups are due, and which of them are
kept. They know no database and no clock.

In the code backup policies are *plans*; :mod:`manila_backup.policies` are the
rules of who may do what. All times are UTC without a time zone, as the
database has them.
"""
