# SPDX-License-Identifier: Apache-2.0
import sys

# Nothing here uses these. Libraries of oslo's import them where they are
# installed, to see whether they are in use, which costs each process 17 MB and
# 1 MB.
sys.modules.setdefault('eventlet', None)
sys.modules.setdefault('greenlet', None)
