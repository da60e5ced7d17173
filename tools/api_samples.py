# SPDX-License-Identifier: Apache-2.0
"""Write the samples of the API reference, from a service that runs.

usage: .venv/bin/python tools/api_samples.py [DIRECTORY]

Starts ``manila-backup-all`` on a scratch directory, makes every request that
the reference has a sample of, in the newest microversion, and writes what was
sent and answered to DIRECTORY (``api-ref/source/samples``, where it also
removes what there was). Ids, times, names of hosts and the like are replaced,
so that two runs give the same files.
"""

import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / 'demo'))

from samples import backups  # noqa: E402
from samples import cloud  # noqa: E402
from samples import sampler as sampling  # noqa: E402
from samples import shares  # noqa: E402
import service  # noqa: E402

SAMPLES = HERE.parent / 'api-ref' / 'source' / 'samples'


def make(sampler):
    """Make all requests, in an order in which each has what it needs."""
    sampler.service.start()
    cloud.read_versions(sampler)
    share_id = shares.make_shares(sampler)
    shares.make_types(sampler)
    backups.make_backups(sampler, share_id)
    shares.make_rules(sampler, share_id)
    shares.make_snapshots(sampler, share_id)
    shares.end_shares(sampler, share_id)
    cloud.read_cloud(sampler)
    cloud.set_quotas(sampler)
    cloud.set_backup_quotas(sampler)
    cloud.set_services(sampler)
    shares.read_messages(sampler)
    backups.read_warnings(sampler)


def main(args):
    target = pathlib.Path(args[0]) if args else SAMPLES
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob('*.json'):
        old.unlink()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix='manila-backup-samples-'))
    sampler = sampling.Sampler(scratch.resolve(), target)
    try:
        make(sampler)
    except service.Failed as exc:
        print(f'{exc}\n{sampler.service.tail()}', file=sys.stderr)
        return 1
    finally:
        sampler.service.stop()
        shutil.rmtree(scratch)
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
