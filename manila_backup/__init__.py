# SPDX-License-Identifier: Apache-2.0
import sys

# Nothing here uses eventlet. Libraries of oslo's import it where it is
# installed, to see whether it is in use, which costs each process 17 MB.
sys.modules.setdefault('eventlet', None)
