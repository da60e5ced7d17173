# SPDX-License-Identifier: Apache-2.0
"""Names in configuration files that no option has."""

import difflib
import importlib.metadata
import logging

from oslo_config import cfg

# It readies oslo.messaging to be imported.
from manila_backup.bus import rpc  # noqa: F401
from manila_backup import conf as config

LOG = logging.getLogger(__name__)

#: Libraries that read options from the same files, as they are called among
#: the entry points "oslo.config.opts". What a section has that none of them
#: describes, such as that of an authentication plug-in, is not looked at.
_LIBRARIES = ('oslo.log', 'oslo.db', 'oslo.messaging', 'oslo.policy',
              'oslo.concurrency', 'oslo.middleware.cors',
              'oslo.middleware.healthcheck',
              'oslo.middleware.http_proxy_to_wsgi')

#: Sections whose options depend on what they say.
_OPEN = ('keystone_authtoken', 'manila_shares', 'key_manager', 'barbican',
         'vault', 'service_user', 'barbican_service_user')


def names(conf):
    """Find what the configuration files say and nobody reads.

    :param conf: the configuration, which has been read.
    :returns: list of str, a sentence each.
    """
    problems = []
    known = _known() if conf.config_file else {}
    for path in conf.config_file or ():
        sections: dict[str, dict] = {}
        cfg.ConfigParser(path, sections).parse()
        for section, values in sections.items():
            problems += _of_section(path, section, values, known)
    return problems


def warn(conf):
    """Log a warning about each of them."""
    for problem in names(conf):
        LOG.warning('%s', problem)


def _known():
    """The options' names, all with underscores, by section, as dict of str to
    set of str."""
    listed = config.list_opts()
    for name in _LIBRARIES:
        for entry in importlib.metadata.entry_points(
                group='oslo.config.opts', name=name):
            listed += entry.load()()
    known: dict[str, set] = {section: set() for section in _OPEN}
    for group, options in listed:
        section = known.setdefault(str(group or 'DEFAULT'), set())
        for option in options:
            section.add(option.dest)
            for old in option.deprecated_opts:
                known.setdefault(str(old.group or group or 'DEFAULT'), set()
                                 ).add(_plain(old.name or option.name))
    return known


def _of_section(path, section, values, known):
    if section not in known:
        # A plug-in of somebody else's may have one of its own.
        meant = _like(section, known)
        return [f'{path}: there is no section [{section}]; is [{meant}] '
                f'meant?'] if meant else []
    if section in _OPEN:
        return []
    problems = []
    for name in values:
        if _plain(name) not in known[section]:
            meant = _like(name, known[section])
            problems.append(
                f'{path}: [{section}] has no option {name}'
                + (f'; is {meant} meant?' if meant else '.'))
    return problems


def _plain(name):
    """Return an option's name as its ``dest`` is written."""
    return name.replace('-', '_')


def _like(name, names_):
    return next(iter(difflib.get_close_matches(name, names_, 1, 0.75)), None)
