# SPDX-License-Identifier: Apache-2.0
"""Bills of materials of directories of wheels, as CycloneDX 1.6 in JSON, from
what the wheels say of themselves. Wheels that are the same give the same
bytes."""

import datetime
import email.parser
import hashlib
import json
import os
import re
import uuid
import zipfile

NAME = 'sbom.cdx.json'


def digest(path):
    """The SHA-256 of a file, as a hexadecimal str."""
    with open(path, 'rb') as file:
        return hashlib.sha256(file.read()).hexdigest()


def metadata(path):
    """The METADATA of a wheel, as an :class:`email.message.Message`."""
    with zipfile.ZipFile(path) as wheel:
        name = next(each for each in wheel.namelist()
                    if re.fullmatch(r'[^/]+\.dist-info/METADATA', each))
        return email.parser.Parser().parsestr(wheel.read(name).decode())


def normalised(name):
    """A distribution's name as indexes compare it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def component(path):
    """One wheel, as CycloneDX has components."""
    said = metadata(path)
    name = normalised(said['Name'])
    purl = f'pkg:pypi/{name}@{said["Version"]}'
    found = {
        'type': 'library', 'bom-ref': purl, 'name': name,
        'version': said['Version'], 'purl': purl,
        'hashes': [{'alg': 'SHA-256', 'content': digest(path)}]}
    if said['Summary']:
        found['description'] = said['Summary']
    if said['License-Expression']:
        found['licenses'] = [{'expression': said['License-Expression']}]
    else:
        named = [each.rsplit(' :: ', 1)[1]
                 for each in said.get_all('Classifier', [])
                 if each.startswith('License :: ') and each.count(' :: ') > 1]
        short = (said['License'] or '').strip()
        if not named and short and '\n' not in short:
            named = [short]
        if named:
            found['licenses'] = [{'license': {'name': each}}
                                 for each in named]
    return found


def needs(said, there):
    """List the references of what a wheel needs and is there, also by its
    extras: whoever installs some of them gets no more than this.

    :param said: its METADATA.
    :param there: dict of name to reference.
    """
    names = {normalised(re.match(r'[A-Za-z0-9._-]+', each).group())
             for each in said.get_all('Requires-Dist', [])}
    return sorted(there[name] for name in names if name in there)


def make(folder, epoch):
    """Make the bill of the wheels in a directory and those below it.

    :param epoch: int, seconds: its time.
    :returns: dict.
    """
    paths = sorted(os.path.join(path, name)
                   for path, _, files in os.walk(folder)
                   for name in files if name.endswith('.whl'))
    parts = {path: component(path) for path in paths}
    there = {each['name']: each['bom-ref'] for each in parts.values()}
    about = next(each for each in parts.values()
                 if each['name'] == 'manila-backup')
    rest = sorted((each for each in parts.values() if each is not about),
                  key=lambda each: each['bom-ref'])
    seed = json.dumps([about, rest], sort_keys=True)
    return {
        '$schema': 'http://cyclonedx.org/schema/bom-1.6.schema.json',
        'bomFormat': 'CycloneDX', 'specVersion': '1.6', 'version': 1,
        'serialNumber': f'urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}',
        'metadata': {
            'timestamp': datetime.datetime.fromtimestamp(
                epoch, datetime.timezone.utc).isoformat(),
            'component': {**about, 'type': 'application'}},
        'components': rest,
        'dependencies': sorted(
            ({'ref': part['bom-ref'],
              'dependsOn': needs(metadata(path), there)}
             for path, part in parts.items()),
            key=lambda each: each['ref'])}


def write(folder, epoch):
    """Write the bill of a directory of wheels there.

    :param epoch: int, seconds: its time.
    """
    with open(os.path.join(folder, NAME), 'w') as file:
        json.dump(make(folder, epoch), file, indent=1, sort_keys=True)
        file.write('\n')
