# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the documentation."""

import pathlib
import sys

# Before oslo.messaging is, whose options are shown, too: it would look for
# eventlet, which it does not find beside this service.
import manila_backup.bus.rpc  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'doc' / 'source' / '_ext'))

extensions = [
    'openstackdocstheme',
    'oslo_config.sphinxconfiggen',
    'oslo_config.sphinxext',
    'oslo_policy.sphinxpolicygen',
    'oslo_policy.sphinxext',
    'service',
]

project = 'manila-backup'
copyright = 'The manila-backup developers'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
version = release = ''
root_doc = 'index'
exclude_patterns = []
# In place of the theme's licence, marks and links.
templates_path = ['../templates']
html_theme = 'openstackdocs'
html_theme_options = {
    'analytics_tracking_code': '',
    'display_badge': False,
    'display_global_toc_section': False,
}
html_title = 'manila-backup'
html_static_path = ['_static']
pygments_style = 'native'

# The samples and the references come from the code, at each build.
_etc = ROOT / 'etc' / 'manila-backup'
config_generator_config_file = [
    (str(_etc / 'manila-backup-config-generator.conf'),
     '_static/manila-backup'),
]
policy_generator_config_file = [
    (str(_etc / 'manila-backup-policy-generator.conf'),
     '_static/manila-backup'),
]
