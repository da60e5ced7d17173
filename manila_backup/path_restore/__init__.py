# SPDX-License-Identifier: Apache-2.0
"""Restore of chosen paths of a backup into a share.

Unlike a restore of all (:mod:`manila_backup.copying.restore`), it removes
nothing, leaves alone what was not chosen, and whatever ends it leaves a share
in which each file is either what it was before or what the backup has, unless
there was no room for both. It goes by the index of the backup and by its
manifest, and reads the content of the chosen files only.
"""
