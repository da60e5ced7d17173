# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the API reference."""

extensions = [
    'openstackdocstheme',
    'os_api_ref',
]

project = 'manila-backup'
copyright = 'The manila-backup developers'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
version = release = ''
root_doc = 'index'
# In place of the theme's licence, marks and links.
templates_path = ['../../doc/templates']
html_theme = 'openstackdocs'
html_theme_options = {
    'analytics_tracking_code': '',
    'sidebar_mode': 'toc',
    'display_badge': False,
    'display_global_toc_section': False,
}
html_title = 'Share backup API'
pygments_style = 'native'
