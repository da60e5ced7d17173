# SPDX-License-Identifier: Apache-2.0
"""Contents of a backup, to be listed, searched and compared without reading
the backup: an index, which any driver can have written from what it knows of
the entries, and which answers about a million of them in constant memory.

The format is described in repository-format.rst. It knows no repository.
"""
