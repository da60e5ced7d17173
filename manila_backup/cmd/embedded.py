# SPDX-License-Identifier: Apache-2.0
"""The embedded service: defaults with which it needs no other server."""

import os

_DATABASE = 'manila-backup.sqlite'


def configure(conf):
    """Set the defaults of manila-backup-all.

    :param conf: the ``ConfigOpts``, before anything is read.
    """
    from oslo_messaging import opts

    # Its default can only be set once it is registered.
    conf.register_opts([
        opt for group, group_opts in opts.list_opts() for opt in group_opts
        if group is None and opt.dest == 'transport_url'])
    conf.set_default('auth_strategy', 'noauth')
    conf.set_default('transport_url', 'fake://')
    conf.set_default('enabled', True, group='ui')
    _keep_below(conf, _state_path())


def find(conf):
    """Use the database that manila-backup-all made for this user, where no
    other is configured.

    For commands that an operator runs beside it, without a configuration or
    with the same one. Of the latter, only one that says where that database
    is will do: what names no database by mistake is not to get another one.

    :param conf: the configuration, which has been read.
    """
    if conf.database.connection:
        return
    path = _state_path()
    if conf.config_file or conf.config_dir:
        if not conf.get_location('state_path').location.is_user_controlled:
            return
        path = conf.state_path
    if os.path.exists(os.path.join(path, _DATABASE)):
        _keep_below(conf, path)


def _keep_below(conf, path):
    conf.set_default('state_path', path)
    conf.set_default('connection', f'sqlite:///$state_path/{_DATABASE}',
                     group='database')


def _state_path():
    if os.geteuid() == 0:
        return '/var/lib/manila-backup'
    base = (os.environ.get('XDG_STATE_HOME')
            or os.path.expanduser('~/.local/state'))
    return os.path.join(base, 'manila-backup')
