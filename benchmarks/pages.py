# SPDX-License-Identifier: Apache-2.0
"""Time the pages for a browser: 10,000 backups of 1,000 shares in MariaDB.

Serves the API with its pages in this process, asks for each page so many
times in turn, and prints the least, the median and the longest time until the
first byte of the answer, and the answer's size. The aims are 100 ms at the
median, and 300 kB. The database is dropped at the end, and nothing else is
left.
"""

import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import statistics
import tempfile
import time
import urllib.request

from benchmarks import api as benchmark
from manila_backup.api import app
from manila_backup.api import server
from manila_backup import conf as config
from manila_backup.requests import admission
from manila_backup.ui import app as ui

PAGES = ('', 'shares', 'shares?protected=false', 'shares/{share}', 'backups',
         'backups?offset=9000', 'backups?status=error', 'backups/{backup}',
         'operations', 'policies', 'messages', 'workers', 'quotas?project=p')

#: Spreads the backups over the last ten days; a hundredth has failed, and
#: another lacks something.
LATELY = """
UPDATE share_backups SET
    created_at = UTC_TIMESTAMP(6) - INTERVAL
        MOD(CONV(LEFT(id, 8), 16, 10), 864000) SECOND,
    status = IF(MOD(CONV(LEFT(id, 4), 16, 10), 100) = 1, 'error', status),
    result = CASE MOD(CONV(LEFT(id, 4), 16, 10), 100)
        WHEN 1 THEN NULL WHEN 2 THEN 'incomplete' ELSE 'complete' END,
    missing_count = MOD(CONV(LEFT(id, 4), 16, 10), 100) = 2,
    stored_bytes = 1000000"""


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--backups', type=int, default=10000)
    parser.add_argument('--shares', type=int, default=1000)
    parser.add_argument('--runs', type=int, default=20)
    parser.add_argument('--server',
                        default='mysql+pymysql://root@127.0.0.1')
    args = parser.parse_args()
    benchmark.SHARES = args.shares
    with tempfile.TemporaryDirectory() as folder:
        def configure(url):
            path = os.path.join(folder, 'pages.conf')
            with open(path, 'w') as file:
                file.write(f'[DEFAULT]\nstate_path = {folder}\n'
                           'auth_strategy = noauth\n'
                           'transport_url = fake://\n'
                           '[api]\nbind_port = 0\naccess_log = false\n'
                           f'[database]\nconnection = {url}\n'
                           '[ui]\nenabled = true\n')
            return config.load(['--config-file', path], 'benchmark')

        with benchmark.Data(args.server, configure) as data:
            backup, share = data.fill(args.backups)
            with data.database.writer() as conn:
                conn.exec_driver_sql(LATELY)
                # Or else indexes are chosen for what was there before.
                conn.exec_driver_sql('ANALYZE TABLE share_backups')
            begun = admission.Admission.from_conf(data.conf, data.database)
            http = server.Server(data.conf, ui.mount(app.build(
                data.conf, data.database, begun), data.conf))
            http.start()
            try:
                _measure(f'{http.url}/ui/', args.runs, backup, share)
            finally:
                http.stop()
                begun.close()


def _measure(url, runs, backup, share):
    opener = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor())
    sign_in = f'{url}sign-in'
    opener.open(sign_in, f'user=admin&project={benchmark.PROJECT}'.encode())
    print(f'{"page":28} {"least":>8} {"median":>8} {"longest":>8} '
          f'{"size":>9}')
    for page in PAGES:
        page = page.format(backup=backup, share=share)
        times = []
        for _number in range(runs + 1):
            start = time.monotonic()
            with opener.open(url + page) as answer:
                times.append(time.monotonic() - start)
                size = len(answer.read())
        # The first one makes connections and compiles the template.
        del times[0]
        shown = ' '.join(f'{1000 * each:5.0f} ms' for each in (
            min(times), statistics.median(times), max(times)))
        print(f'/ui/{page[:24]:24} {shown} {size / 1000:6.0f} kB')


if __name__ == '__main__':
    main()
