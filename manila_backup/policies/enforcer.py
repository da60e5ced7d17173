# SPDX-License-Identifier: Apache-2.0
"""Applies the rules, and takes up edits of the policy file as they happen.
"""

import logging
import operator
import os
import threading
import time

from oslo_policy import policy

from manila_backup import exception
from manila_backup.policies import files

LOG = logging.getLogger(__name__)

#: Seconds after which a new file is found in a place other than beside the
#: configuration file. There, and of a file that is known already, every
#: change takes effect at the next request.
SEARCH_INTERVAL = 1.0

#: Answers that are remembered at most.
MAX_REMEMBERED = 10000

#: What of a caller rules can compare; see
#: :meth:`oslo_context.context.RequestContext.to_policy_values`.
_CALLER = operator.attrgetter(
    'user_id', 'project_id', 'is_admin', 'domain_id', 'user_domain_id',
    'project_domain_id', 'system_scope', 'is_admin_project',
    'service_user_id', 'service_user_domain_id', 'service_project_id',
    'service_project_domain_id')


class Enforcer:
    """The rules as they stand in the policy file right now.

    oslo.policy's own reloading changes its rules in place, rule by rule,
    while other threads read them. This builds a new set whenever the file
    has changed, and puts it in the old one's place only when it is whole: a
    file that can't be read half way through an edit changes nothing.

    :param conf: the configuration; its group ``[oslo_policy]`` is used.
    :raises manila_backup.exception.ConfigurationError: the policy file
        makes no sense, or is not there though it is named.
    """

    def __init__(self, conf):
        self._conf = conf
        self._lock = threading.Lock()
        settings = conf.oslo_policy
        self._names = (settings.policy_file, *settings.policy_dirs)
        self._near = tuple(os.path.join(folder, name)
                           for folder in _folders(conf)
                           for name in self._names)
        self._found = ()
        self._searched = None
        self._stamp = self._look()
        self._rules = self._load()

    def allows(self, rule, context, target):
        """Tell whether a rule lets a context access a target.

        :param rule: str, a rule's name.
        :param target: dict with at least ``project_id``.
        :returns: bool.
        """
        self._refresh()
        return self._rules.allow(rule, context, target)

    def _refresh(self):
        if self._look() == self._stamp:
            return
        with self._lock:
            stamp = self._look()
            if stamp == self._stamp:
                return
            try:
                self._rules = self._load()
            except exception.ConfigurationError as exc:
                LOG.error('%s The previous rules stay in force.', exc)
            self._stamp = stamp

    def _load(self):
        rules, source = files.load(self._conf)
        LOG.info('The policy\'s rules are %s.', source)
        for each in files.doubts(rules, source):
            LOG.warning('%s', each)
        return _Rules(rules)

    def _look(self):
        """Return the state of the files that the rules were made of, to
        compare.
        """
        now = time.monotonic()
        if self._searched is None or now - self._searched > SEARCH_INTERVAL:
            self._searched = now
            self._found = tuple(
                path for path in map(self._conf.find_file, self._names)
                if path and path not in self._near)
        return (self._found,
                *(_stamp(path) for path in self._near + self._found))


def problems(conf):
    """List rules of the policy file that are probably not meant as they are.

    :returns: list of str, sentences.
    :raises manila_backup.exception.ConfigurationError: as for
        :class:`Enforcer`.
    """
    return files.doubts(*files.load(conf))


def _folders(conf):
    """The directories that the configuration was read from."""
    files = [os.path.dirname(os.path.abspath(name))
             for name in conf.config_file or ()]
    return dict.fromkeys([*(conf.config_dir or ()), *files])


class _Rules:
    """One state of the rules, and what they said so far: the same question
    has the same answer for as long as they stand, and asking oslo.policy
    takes longer than a query of the database.

    :param rules: an ``oslo_policy.policy.Enforcer`` that won't change.
    """

    def __init__(self, rules):
        self._rules = rules
        self._remembered = {}
        # Those ask someone else, who may think again.
        self._constant = not any(
            kind in str(check) for check in rules.rules.values()
            for kind in ('http:', 'https:'))

    def allow(self, rule, context, target):
        if not self._constant:
            return self._ask(rule, context, target)
        key = (rule, _CALLER(context), *context.roles, None,
               *context.service_roles, None, *target.items())
        answer = self._remembered.get(key)
        if answer is None:
            answer = self._ask(rule, context, target)
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = answer
        return answer

    def _ask(self, rule, context, target):
        try:
            return bool(self._rules.enforce(rule, target, context))
        except policy.InvalidScope:
            return False


def _stamp(path):
    """Something that differs when the file, or a file in the directory,
    does."""
    try:
        found = os.stat(path)
        names = os.listdir(path) if os.path.isdir(path) else ()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino,
            *(_stamp(os.path.join(path, name)) for name in sorted(names)))
