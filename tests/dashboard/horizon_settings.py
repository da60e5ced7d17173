# SPDX-License-Identifier: Apache-2.0
"""Settings of the Horizon that the tests start: those of its own tests, with
this plug-in, a real Keystone, and the rules in force.

$MANILA_BACKUP_TEST_KEYSTONE_URL is Keystone's, and
$MANILA_BACKUP_TEST_HORIZON_DIR a directory for what is written.
"""

import os

import manila_backup_dashboard
import manila_backup_dashboard.enabled
import openstack_dashboard.enabled
from openstack_dashboard.test.settings import *  # noqa: F403
from openstack_dashboard import theme_settings
from openstack_dashboard.utils import settings as settings_utils

_FOLDER = os.environ['MANILA_BACKUP_TEST_HORIZON_DIR']

_KNOWN = globals()

# Both are found anew, with the plug-in's.
for _name in ('dashboards', 'default_dashboard'):
    _KNOWN['HORIZON_CONFIG'].pop(_name, None)

settings_utils.update_dashboards(
    [openstack_dashboard.enabled, manila_backup_dashboard.enabled],
    _KNOWN['HORIZON_CONFIG'],
    _KNOWN['INSTALLED_APPS'])
INSTALLED_APPS = list(dict.fromkeys(_KNOWN['INSTALLED_APPS']))

OPENSTACK_KEYSTONE_URL = os.environ['MANILA_BACKUP_TEST_KEYSTONE_URL']
OPENSTACK_KEYSTONE_DEFAULT_DOMAIN = 'Default'
OPENSTACK_KEYSTONE_MULTIDOMAIN_SUPPORT = False
AVAILABLE_REGIONS = [(OPENSTACK_KEYSTONE_URL, 'here')]

ALLOWED_HOSTS = ['127.0.0.1', 'testserver']

POLICY_CHECK_FUNCTION = 'openstack_auth.policy.check'
POLICY_FILES_PATH = os.path.join(
    os.path.dirname(openstack_dashboard.__file__), 'conf')
POLICY_FILES = {'identity': 'keystone_policy.yaml'}
DEFAULT_POLICY_FILES = {'identity': 'default_policies/keystone.yaml'}

# The tests of Horizon's own do without styles; pictures are taken of these.
STATICFILES_DIRS = [
    *theme_settings.get_theme_static_dirs(
        _KNOWN['AVAILABLE_THEMES'], _KNOWN['THEME_COLLECTION_DIR'],
        _KNOWN['ROOT_PATH']),
    *_KNOWN['STATICFILES_DIRS']]
COMPRESS_PRECOMPILERS = (
    ('text/scss', 'horizon.utils.scss_filter.ScssFilter'),)
COMPRESS_ROOT = os.path.join(_FOLDER, 'static')
SECRET_KEY = 'of tests'

# As Horizon takes what is in its directory local_settings.d.
with open(os.path.join(os.path.dirname(manila_backup_dashboard.__file__),
                       'local_settings.d', '_96_share_backups.py')) as _file:
    exec(_file.read())
