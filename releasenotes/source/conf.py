# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the release notes."""

extensions = [
    'openstackdocstheme',
    'reno.sphinxext',
]

project = 'manila-backup'
copyright = 'The manila-backup developers'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
version = release = ''
root_doc = 'index'
html_theme = 'openstackdocs'
html_theme_options = {
    'display_badge': False,
    'display_global_toc_section': False,
}
html_title = 'Release notes of manila-backup'
pygments_style = 'native'
