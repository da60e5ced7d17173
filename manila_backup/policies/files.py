# SPDX-License-Identifier: Apache-2.0
"""Reads the policy files, and refuses what would not do what it seems to.

oslo.policy takes an empty rule for one that lets everybody in, passes over
names that it does not know, and falls back to the defaults where a file that
was named is not there: a slip in a file opens the service, in silence.
"""

import os
import re

from oslo_policy import policy
import yaml

from manila_backup import exception
from manila_backup import policies

#: What rules can compare: of the caller, as of
#: :meth:`manila_backup.context.RequestContext.to_policy_values`, and of what
#: is asked for.
CALLER = frozenset((
    'user_id', 'project_id', 'is_admin', 'domain_id', 'user_domain_id',
    'project_domain_id', 'system_scope', 'system', 'is_admin_project',
    'roles', 'service_user_id', 'service_user_domain_id',
    'service_project_id', 'service_project_domain_id', 'service_roles'))
TARGET = frozenset(('project_id', 'user_id'))

_OPERATORS = ('and', 'or', 'not', '!', '@')
_SUBSTITUTION = re.compile(r'%\(([^)]*)\)')


class Source:
    """The rules as the files have them.

    :ivar paths: list of str, the files that there are.
    :ivar texts: dict of rule name to its text (or list, the old form).
    :ivar where: dict of rule name to the file that it is from.
    """

    def __init__(self, conf):
        self.paths = []
        self.texts = {}
        self.where = {}
        problems = []
        for path in _paths(conf, problems):
            try:
                found = _read(path)
            except _Malformed as exc:
                problems.append(f'{path}: {exc}')
                continue
            self.paths.append(path)
            problems += [f'{path}: {each}' for each in _texts(found)]
            self.texts.update(found)
            self.where.update(dict.fromkeys(found, path))
        _raise(problems)

    def __str__(self):
        if not self.paths:
            return 'the defaults: there is no policy file'
        return (f'{", ".join(self.paths)}, which set '
                f'{", ".join(sorted(map(str, self.texts))) or "none"}')


def load(conf):
    """The rules that are in force with the files as they are now.

    :returns: (an ``oslo_policy.policy.Enforcer`` that is not to be changed
        any more, the :class:`Source`).
    :raises manila_backup.exception.ConfigurationError: a file is missing
        that is named, can't be read, or has a rule that can't be meant.
    """
    source = Source(conf)
    try:
        rules = policy.Enforcer(conf)
        rules.suppress_deprecation_warnings = True
        rules.register_defaults(policies.list_rules())
        rules.load_rules(force_reload=True)
    except Exception as exc:
        raise _error([str(exc)]) from exc
    if set(rules.file_rules) != set(source.texts) or any(
            rule.check_str != source.texts[name]
            for name, rule in rules.file_rules.items()):
        raise _error(['it was changed while it was read'])
    _raise(f'{source.where[name]}: {text}' if name in source.where else text
           for name, text in _of_rules(rules, source))
    # From here on it is never changed again.
    rules.use_conf = False
    return rules, source


def doubts(rules, source):
    """List rules of the files that have an effect, but probably not the
    intended one.

    :param rules: as of :func:`load`.
    :param source: as of :func:`load`.
    :returns: list of str, sentences.
    """
    found = []
    for name in sorted(source.texts):
        for check in _leaves(rules.rules[name]):
            kind, match = (getattr(check, attribute, '')
                           for attribute in ('kind', 'match'))
            if type(check).__name__ == 'GenericCheck' and re.fullmatch(
                    r'[A-Za-z_]\w*', kind) and kind not in (
                    *CALLER, 'True', 'False', 'None'):
                found.append(f'Rule "{name}" compares "{kind}", which is no '
                             f'attribute of callers.')
            found += [f'Rule "{name}" compares "%({each})s", which is no '
                      f'attribute of '
                      f'targets.' for each in _SUBSTITUTION.findall(match)
                      if each not in TARGET]
    return found


# -- files ---------------------------------------------------------------

class _Malformed(Exception):
    """A file is not what a policy file is."""


class _Loader(yaml.SafeLoader):
    """YAML in which a key may not be there twice."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _value in node.value:
            name = self.construct_object(key, deep=True)
            if name in seen:
                raise _Malformed(f'"{name}" occurs twice')
            seen.add(name)
        return super().construct_mapping(node, deep)


def _paths(conf, problems):
    """The files, in the order in which the later ones count more."""
    settings = conf.oslo_policy
    path = conf.find_file(settings.policy_file)
    if path:
        yield path
    elif _is_named(conf, 'policy_file'):
        problems.append(f'[oslo_policy] policy_file is '
                        f'{settings.policy_file}, which does not exist')
    for name in settings.policy_dirs:
        folder = conf.find_file(name)
        if not folder:
            if _is_named(conf, 'policy_dirs'):
                problems.append(f'[oslo_policy] policy_dirs has {name}, which '
                                f'does not exist')
            continue
        try:
            names = sorted(os.listdir(folder))
        except OSError as exc:
            problems.append(f'[oslo_policy] policy_dirs has {folder}, which '
                            f'can\'t be read: {exc.strerror}')
            continue
        for each in names:
            path = os.path.join(folder, each)
            if not each.startswith('.') and not os.path.isdir(path):
                yield path


def _is_named(conf, option):
    location = conf.get_location(option, 'oslo_policy')
    return bool(location) and location.location.name not in (
        'opt_default', 'set_default')


def _read(path):
    try:
        with open(path, encoding='utf-8') as file:
            found = yaml.load(file, _Loader)  # noqa: S506
    except OSError as exc:
        raise _Malformed(f'can\'t be read: {exc.strerror}') from exc
    except (ValueError, yaml.YAMLError, TypeError) as exc:
        said = ' '.join(str(exc).split())
        raise _Malformed(f'is not YAML: {said}') from exc
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _Malformed('must be a mapping of rules\' names to rules')
    return found


def _texts(found):
    """Find faults of single rules."""
    for name, text in found.items():
        if not isinstance(name, str):
            yield f'{name!r} is not a rule name'
        elif not text or (isinstance(text, str) and not text.strip()):
            yield (f'rule "{name}" is empty, which would allow everybody: '
                   f'write "@" to allow everybody, and "!" to allow nobody')
        elif not isinstance(text, str | list):
            yield f'rule "{name}" must be text, not {text!r}'
        elif isinstance(text, str):
            for word in text.split():
                word = word.lstrip('(').rstrip(')')
                if (word and word.lower() not in _OPERATORS
                        and ':' not in word and word[0] not in '\'"'):
                    yield f'rule "{name}": "{word}" is not a check'


# -- rules ---------------------------------------------------------------

def _of_rules(rules, source):
    """Find faults of rules in relation to each other: pairs of a rule's name
    and a message."""
    known = {*rules.registered_rules, rules.default_rule}
    for name in sorted(source.texts):
        check = rules.rules[name]
        text = source.texts[name]
        written = str(text).count('!')
        # oslo.policy makes "nobody" of what it can't parse.
        if sum(str(each) == '!' for each in _leaves(check)) > written:
            yield name, f'rule "{name}" can\'t be understood: {text!r}'
    used = {each.match for name in rules.registered_rules
            for each in _all_below(rules, name)}
    for name in sorted(source.texts):
        if name not in known and name not in used:
            yield name, (f'there is no rule "{name}", and no rule refers to '
                         f'it, so that it has no effect')
    for name in sorted(rules.rules):
        for each in _references(rules.rules[name]):
            if each.match not in rules.rules:
                yield name, (f'rule "{name}" refers to "{each.match}", which '
                             f'does not exist')
        if name in {each.match for each in _all_below(rules, name)}:
            yield name, f'rule "{name}" refers to itself'


def _all_below(rules, name):
    """The references that a rule leads to, by whatever way."""
    todo, seen = [name], set()
    while todo:
        current = todo.pop()
        if current in rules.rules and current not in seen:
            seen.add(current)
            for each in _references(rules.rules[current]):
                yield each
                todo.append(each.match)


def _references(check):
    return [each for each in _leaves(check)
            if isinstance(each, policy.RuleCheck)]


def _leaves(check):
    """The checks that a check is put together from."""
    parts = list(getattr(check, 'rules', ()))
    if hasattr(check, 'rule'):
        parts.append(check.rule)
    if not parts:
        return [check]
    return [leaf for part in parts for leaf in _leaves(part)]


def _raise(problems):
    problems = list(dict.fromkeys(problems))
    if problems:
        raise _error(problems)


def _error(problems):
    return exception.ConfigurationError(
        f'The policy can\'t be used: {"; ".join(problems)}.')
