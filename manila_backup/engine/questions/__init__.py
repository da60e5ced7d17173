# SPDX-License-Identifier: Apache-2.0
"""Questions that workers answer at once: what only who has the repository can
tell, such as what is in a backup. A module per subject; :mod:`.desk` has the
list of them.

They change nothing that anybody could see, and hold no lease: the backup may
be deleted meanwhile, which the driver tells.
"""
