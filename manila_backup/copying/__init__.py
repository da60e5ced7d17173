# SPDX-License-Identifier: Apache-2.0
"""Copies of trees, and trees made equal to such a copy.

What is copied is a directory below which somebody else may write at the same
time; what comes of it is ``data``, a tree, and a manifest, which says all that
the tree should be. Several processes work at it (:mod:`.pool`), and none needs
memory for more than a block of the manifest.

- :class:`.tree_copy.TreeCopy` makes a copy: :mod:`.scan` finds what there is,
  :mod:`.store` copies it file by file, as :mod:`.stable_read` and
  :mod:`.frozen_copy` see that each is of one instant, and keeps a
  :mod:`.journal`, of which the :mod:`.manifest` is put together.
- :func:`.duplicate.duplicate` makes one without a manifest, of files that
  share their blocks with the original.
- :class:`.restore.Restore` makes a directory equal to a copy: what differs is
  found first (:mod:`.restore_plan`, by :mod:`.examine` on the copy's side) and
  then changed (:mod:`.write`, :mod:`.spelling`).

It knows nothing of repositories: where copies are kept, under which names, and
when one is complete is for backup drivers and share sources to say.
"""
