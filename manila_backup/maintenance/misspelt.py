# SPDX-License-Identifier: Apache-2.0
"""Names in configuration files that no option has."""

import difflib
import logging

from oslo_config import cfg
import stevedore

# It readies oslo.messaging to be imported.
from manila_backup.bus import rpc  # noqa: F401
from manila_backup import conf as config

LOG = logging.getLogger(__name__)

#: Libraries that read options from the same files, as they are called among
#: the entry points "oslo.config.opts", those first that most files are about.
#: What a section has that none of them describes, such as that of an
#: authentication plug-in, is not looked at.
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
    given = []
    for path in conf.config_file or ():
        sections: dict[str, dict] = {}
        cfg.ConfigParser(path, sections).parse()
        given += [(path, section, values)
                  for section, values in sections.items()]
    known: dict[str, set] = {section: set() for section in _OPEN}
    # To load what the libraries have takes as long as a service takes to
    # start otherwise, and most of it is in nobody's files.
    lists = _lists()
    while not all(section in known and _unknown(section, values, known) == []
                  for _path, section, values in given):
        listed = next(lists, None)
        if listed is None:
            break
        _add(known, listed)
    return [problem for each in given for problem in _of_section(*each, known)]


def warn(conf):
    """Log a warning about each of them."""
    for problem in names(conf):
        LOG.warning('%s', problem)


def _lists():
    """Iterate over lists of (section or None, options), this service's own
    first."""
    # Of those in open sections, nobody asks.
    yield [(module.GROUP, module.OPTS) for module in config.GROUPS]
    for name in _LIBRARIES:
        for each in stevedore.NamedExtensionManager(
                'oslo.config.opts', [name],
                warn_on_missing_entrypoint=False):
            yield each.plugin()


def _add(known, listed):
    """Add options' names, all with underscores.

    :param known: dict of section to set of str.
    :param listed: list of (section or None, options).
    """
    for group, options in listed:
        section = known.setdefault(str(group or 'DEFAULT'), set())
        for option in options:
            section.add(option.dest)
            for old in option.deprecated_opts:
                known.setdefault(str(old.group or group or 'DEFAULT'), set()
                                 ).add(_plain(old.name or option.name))


def _unknown(section, names_, known):
    """List the names in a known section that no option has."""
    return [] if section in _OPEN else [
        name for name in names_ if _plain(name) not in known[section]]


def _of_section(path, section, values, known):
    if section not in known:
        # A plug-in of somebody else's may have one of its own.
        meant = _like(section, known)
        return [f'{path}: there is no section [{section}]; is [{meant}] '
                f'meant?'] if meant else []
    problems = []
    for name in _unknown(section, values, known):
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
