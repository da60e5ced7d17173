# SPDX-License-Identifier: Apache-2.0
"""What pbr needs beside setup.cfg."""

import setuptools

setuptools.setup(pbr=True)
