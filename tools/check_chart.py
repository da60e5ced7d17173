# SPDX-License-Identifier: Apache-2.0
"""Faults of the Helm chart: by Helm's own library, by Kubernetes' schemas, and
where one part names another."""

import base64
import collections
import configparser
import glob
import itertools
import os
import re
import sys

import checks
import helm_python
import kubernetes_validate
import yaml

CHART = 'deploy/openstack-helm/manila-backup'
OVERRIDES = 'deploy/openstack-helm/values_overrides/manila-backup/*.yaml'
# The oldest that the chart is for, and the newest that is known here.
VERSIONS = ('1.30', kubernetes_validate.latest_version())
WARNING = 2
# Paths at the endpoint of Manila, and whether they are this service's.
PATHS = {
    '/v2/share-backups': True,
    '/v2/share-backups/detail': True,
    '/v2/7c9ddee5/share-backups/5d3c': True,
    '/v2/share-backup-operations': True,
    '/v2/7c9ddee5/share-backup-file-versions/x': True,
    '/': False,
    '/v2/': False,
    '/v2/shares': False,
    '/v2/7c9ddee5/shares/share-backups': False,
    '/v2/share-backupsx': False,
    '/v2/share-networks': False,
}


class Release:
    """Resources that the chart makes of a set of values."""

    def __init__(self, chart, values):
        manifests = chart.render(values, name='manila-backup',
                                 namespace='openstack')
        self.empty = {path for path, text in manifests.items()
                      if path.endswith('.yaml') and not text.strip()}
        self.all = [resource for text in manifests.values()
                    for resource in yaml.safe_load_all(text) if resource]
        self.named = {(resource['kind'], resource['metadata']['name']):
                      resource for resource in self.all}

    def of(self, kind):
        """Return the resources of a kind."""
        return [resource for resource in self.all if resource['kind'] == kind]

    def pods(self):
        """Return a dict: name of what makes pods to their template."""
        found = {}
        for resource in self.all:
            spec = resource.get('spec', {})
            spec = spec.get('jobTemplate', {}).get('spec', spec)
            if 'template' in spec:
                found[resource['metadata']['name']] = spec['template']
        return found


def _schemas(release):
    for resource, version in itertools.product(release.all, VERSIONS):
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except (kubernetes_validate.ValidationError,
                kubernetes_validate.SchemaNotFoundError) as exc:
            yield (f'{kubernetes_validate.utils.kn(resource)}: Kubernetes '
                   f'{version}: {exc.message}')


def _unique(release):
    counts = collections.Counter(
        (resource['kind'], resource['metadata']['name'])
        for resource in release.all)
    for (kind, name), count in counts.items():
        if count > 1:
            yield f'{kind} {name} is there {count} times'


def _references(template):
    """Return an iterator over (kind, name) of what a pod needs."""
    spec = template['spec']
    yield 'ServiceAccount', spec['serviceAccountName']
    for volume in spec.get('volumes', ()):
        if 'secret' in volume:
            yield 'Secret', volume['secret']['secretName']
        if 'configMap' in volume:
            yield 'ConfigMap', volume['configMap']['name']
        if 'persistentVolumeClaim' in volume:
            yield ('PersistentVolumeClaim',
                   volume['persistentVolumeClaim']['claimName'])
    for container in spec['containers'] + spec['initContainers']:
        for source in container.get('envFrom', ()):
            yield 'Secret', source['secretRef']['name']
        for variable in container.get('env', ()):
            if variable['name'] == 'DEPENDENCY_JOBS' and variable['value']:
                for name in variable['value'].split(','):
                    yield 'Job', name


def _needed(release):
    for name, template in release.pods().items():
        for kind, needed in _references(template):
            if (kind, needed) not in release.named:
                yield f'{name}: there is no {kind} {needed}'


def _mounted(release):
    for name, template in release.pods().items():
        spec = template['spec']
        volumes = [volume['name'] for volume in spec['volumes']]
        for container in spec['containers']:
            mounts = [mount['name'] for mount in container['volumeMounts']]
            if sorted(volumes) != sorted(mounts):
                yield f'{name}: has volumes {volumes}, mounts {mounts}'


def _scripts(release):
    """Look for commands in the directory of scripts."""
    scripts = release.named['ConfigMap', 'manila-backup-bin']['data']
    for name, template in release.pods().items():
        for part in template['spec']['containers'][0]['command']:
            if (part.startswith('/usr/local/libexec/')
                    and os.path.basename(part) not in scripts):
                yield f'{name}: there is no {part}'


def _later(release):
    """Look for jobs that wait for others of the same hook that come later."""
    hooks = {}
    for job in release.of('Job'):
        notes = job['metadata']['annotations']
        hooks[job['metadata']['name']] = (
            set(notes['helm.sh/hook'].split(',')),
            int(notes['helm.sh/hook-weight']))
    for name, template in release.pods().items():
        for kind, other in _references(template):
            if kind != 'Job' or name not in hooks or other not in hooks:
                continue
            if (hooks[name][0] & hooks[other][0]
                    and hooks[other][1] >= hooks[name][1]):
                yield f'{name} is before {other}, for which it waits'


def _selected(release, selector):
    return [template for template in release.pods().values()
            if selector.items() <= template['metadata']['labels'].items()]


def _ports(templates):
    return {port['name'] for template in templates
            for container in template['spec']['containers']
            for port in container.get('ports', ())}


def _selectors(release):
    """Look for selectors that mean other than one kind of pods, and for ports
    that these don't have."""
    for resource in release.all:
        spec, wanted = resource.get('spec', {}), []
        if resource['kind'] == 'Service':
            selector = spec['selector']
            wanted = [port['targetPort'] for port in spec['ports']]
        elif resource['kind'] == 'NetworkPolicy':
            selector = spec['podSelector']['matchLabels']
            wanted = [port['port'] for rule in spec['ingress']
                      for port in rule['ports']]
        elif resource['kind'] in ('PodDisruptionBudget', 'Deployment'):
            selector = spec['selector']['matchLabels']
        else:
            continue
        name = kubernetes_validate.utils.kn(resource)
        selected = _selected(release, selector)
        if len(selected) != 1:
            yield f'{name} selects {len(selected)} kinds of pods'
        for port in set(wanted) - _ports(selected):
            yield f'{name}: the pods have no port {port}'


def _probes(release):
    for deployment in release.of('Deployment'):
        template = deployment['spec']['template']
        for container in template['spec']['containers']:
            for name in ('livenessProbe', 'readinessProbe', 'startupProbe'):
                probe = container.get(name)
                if probe and probe['httpGet']['port'] not in _ports(
                        [template]):
                    yield f'{container["name"]}: no port of {name}'


def _routes(release):
    for ingress in release.of('Ingress'):
        name = ingress['metadata']['name']
        for rule in ingress['spec']['rules']:
            for path in rule['http']['paths']:
                backend = path['backend']['service']
                service = release.named.get(('Service', backend['name']))
                if backend['name'] == 'manila-api':
                    continue
                if not service or backend['port']['name'] not in {
                        port['name'] for port in service['spec']['ports']}:
                    yield f'{name}: there is no service {backend}'
        if name != 'manila-backup-share':
            continue
        # The longest first, as ingress-nginx does.
        paths = sorted(ingress['spec']['rules'][0]['http']['paths'],
                       key=lambda path: -len(path['path']))
        for path, ours in PATHS.items():
            goes = [route['backend']['service']['name'] for route in paths
                    if re.match(route['path'], path)]
            if ours != (goes[:1] == ['manila-backup-api']):
                yield f'{name}: {path} goes to {goes}'


def _configuration(release):
    data = release.named['Secret', 'manila-backup-etc']['data']
    parser = configparser.ConfigParser(interpolation=None,
                                       default_section=None)
    try:
        parser.read_string(base64.b64decode(
            data['manila-backup.conf']).decode())
    except configparser.Error as exc:
        yield f'manila-backup.conf: {exc}'
        return
    if not parser.get('database', 'connection', fallback=None):
        yield 'manila-backup.conf: has no connection to a database'
    yaml.safe_load(base64.b64decode(data['policy.yaml']))


RULES = (_schemas, _unique, _needed, _mounted, _scripts, _later, _selectors,
         _probes, _routes, _configuration)


def faults(root):
    """Return the faults of the chart, with its own and all other values.

    :param root: str, the folder of the project.
    :returns: list of str.
    """
    path = os.path.join(root, CHART)
    chart = helm_python.Chart.load(path)
    found, empty = [], None
    for name in [None, *sorted(glob.glob(os.path.join(root, OVERRIDES)))]:
        values = {}
        if name:
            with open(name) as file:
                values = yaml.safe_load(file)
        title = os.path.basename(name) if name else 'values.yaml'
        found += [f'{title}: {message["path"]}: {message["error"]}'
                  for message in helm_python.lint(path, values,
                                                  strict=True)['messages']
                  if message['severity'] >= WARNING]
        release = Release(chart, values)
        found += [f'{title}: {fault}'
                  for rule in RULES for fault in rule(release)]
        empty = release.empty if empty is None else empty & release.empty
    return found + [f'{path}: no values make anything of it'
                    for path in sorted(empty)]


if __name__ == '__main__':
    sys.exit(checks.main(faults))
