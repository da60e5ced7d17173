# SPDX-License-Identifier: Apache-2.0
"""Every option of the service, a module per group; nothing registers options
anywhere else.

A process makes its configuration with :func:`load` and passes it on; there is
no global one.
"""

import logging
import os

from oslo_concurrency import lockutils
from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log
from oslo_policy import opts as policy_opts

from manila_backup.conf import api
from manila_backup.conf import auth
from manila_backup.conf import backup
from manila_backup.conf import base
from manila_backup.conf import local_shares
from manila_backup.conf import manila_shares
from manila_backup.conf import metrics
from manila_backup.conf import nfs
from manila_backup.conf import noauth
from manila_backup.conf import policies
from manila_backup.conf import posix
from manila_backup.conf import quota
from manila_backup.conf import restic
from manila_backup.conf import shares
from manila_backup.conf import ui
from manila_backup.conf import upgrade_levels
from manila_backup.conf import verify
from manila_backup import exception
from manila_backup import logtext
from manila_backup import version

GROUPS = (base, api, auth, noauth, backup, posix, nfs, restic, shares,
          local_shares, manila_shares, quota, policies, verify, metrics,
          ui, upgrade_levels)

PROJECT = 'manila-backup'


def register(conf):
    """Register this service's options on ``conf`` and set the libraries'
    defaults that suit it."""
    for module in GROUPS:
        conf.register_opts(module.OPTS, group=module.GROUP)
    log.register_options(conf)
    db_options.set_defaults(conf)
    policy_opts.set_defaults(conf, 'policy.yaml')
    return conf


def load(args, prog, cli_opts=(), default_config_files=None,
         configure=None):
    """Read the command line and the configuration files.

    :param args: list of str, without the program's name.
    :param prog: str, the command's name: also that of the configuration
        file it looks for beside ``manila-backup.conf``.
    :param cli_opts: more options of this command.
    :param default_config_files: list of str, or None for the usual places.
    :param configure: called with the ``ConfigOpts`` before anything is
        read, to set other defaults.
    :returns: a new ``oslo_config.cfg.ConfigOpts``.
    :raises manila_backup.exception.ConfigurationError: a file is missing
        or malformed, or a value is not valid.
    """
    conf = register(cfg.ConfigOpts())
    if configure:
        configure(conf)
    conf.register_cli_opts(cli_opts)
    try:
        conf(args, project=PROJECT, prog=prog, version=version.string(),
             default_config_files=default_config_files)
        check(conf)
        _tell_libraries(conf, prog)
    except (cfg.Error, ValueError) as exc:
        raise exception.ConfigurationError(
            f'The configuration is not valid: {exc}') from exc
    return conf


def _tell_libraries(conf, prog):
    """Have oslo.config's global object read the same files.

    This service has none of its own there, but libraries look some of their
    options up in nothing else, whatever configuration they are given:
    oslo.concurrency's ``lock_path``, which oslo.messaging's queue manager
    needs, or ``rpc_ping_enabled``.
    """
    lockutils.set_defaults(lock_directory(conf))
    cfg.CONF([], project=PROJECT, prog=prog, version=version.string(),
             default_config_files=conf.config_file,
             default_config_dirs=conf.config_dir)


def lock_directory(conf):
    """Return the directory of locks between the processes of a host: below
    the state_path, or what systemd has made for a unit whose user may not
    write there."""
    return os.path.join(os.environ.get('RUNTIME_DIRECTORY',
                                       conf.state_path), 'locks')


def check(conf):
    """Read every option of this service once, so that a bad value is told
    at start and not in the middle of the first request."""
    for module in GROUPS:
        group = conf if module.GROUP is None else conf[module.GROUP]
        for opt in module.OPTS:
            group[opt.dest]


def setup_logging(conf):
    """Send the log where the ``[DEFAULT]`` log options say."""
    log.set_defaults(default_log_levels=log.get_default_log_levels() + [
        'oslo.messaging=WARNING', 'oslo_messaging=WARNING',
        # By the notification driver "log".
        'oslo.messaging.notification=INFO', 'oslo_service=WARNING',
        'alembic=WARNING', 'waitress=WARNING', 'routes.middleware=WARNING'])
    if not conf.log_file and not conf.log_dir:
        # Its default is the standard output, which is for what commands
        # were asked for.
        conf.set_default('use_stderr', True)
    # What oslo.log calls an instance is what a log line is about.
    conf.set_default('instance_uuid_format', '[operation: %(uuid)s] ')
    log.setup(conf, PROJECT)
    logtext.apply(logging.getLogger())


def list_opts():
    """For oslo-config-generator and the configuration reference."""
    return [(module.GROUP or 'DEFAULT',
             manila_shares.all_opts() if module is manila_shares
             else module.OPTS) for module in GROUPS]


def set_generator_defaults():
    """For oslo-config-generator: the libraries' defaults as this service
    sets them."""
    policy_opts.set_defaults(cfg.CONF, 'policy.yaml')
    set_cors_defaults()


def set_cors_defaults():
    """Set what a page of another origin needs to use the API."""
    # Only where it is wanted: it takes time to load.
    from oslo_middleware import cors

    cors.set_defaults(
        allow_headers=[
            'Authorization', 'X-Auth-Token', 'X-OpenStack-Request-ID',
            'X-OpenStack-Manila-API-Version',
            'X-OpenStack-Manila-API-Experimental', 'OpenStack-API-Version'],
        expose_headers=[
            'X-OpenStack-Request-ID', 'X-Compute-Request-ID',
            'X-OpenStack-Manila-API-Version', 'OpenStack-API-Version',
            'Retry-After'],
        allow_methods=['GET', 'HEAD', 'POST', 'PUT', 'DELETE'])
