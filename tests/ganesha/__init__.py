# SPDX-License-Identifier: Apache-2.0
"""Shares whose users have them by NFS, from a file server without a kernel's
part: NFS-Ganesha, and libnfs as the client."""
