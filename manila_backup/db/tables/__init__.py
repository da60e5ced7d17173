# SPDX-License-Identifier: Apache-2.0
"""The tables, as SQLAlchemy models, by what they are about. Queries have them
from :mod:`manila_backup.db.models`."""
