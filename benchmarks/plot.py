# SPDX-License-Identifier: Apache-2.0
"""Draw what ``copy.py --json`` measured, as SVG.

One pair of bars for each work: the driver's median as a part of the better of
``cp -a`` and ``rsync -a``'s, and of restic's; a mark on each bar's line is its
aim.
"""

import os
import sys

# As in copy.py, which has the name of a module of the standard library.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import argparse
import json
from xml.sax import saxutils

from benchmarks import copy

LEFT, WIDTH, RIGHT = 300, 420, 60
ROW, BAR, TOP = 46, 14, 46
COLOURS = ('#2b6cb0', '#dd8a2e')
NAMES = ('of the better of cp -a and rsync -a', 'of restic')


def text(x, y, said, anchor='start', colour='#222'):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" '
            f'fill="{colour}">{saxutils.escape(said)}</text>')


def bar(x_of, y, ratio, aim, colour):
    """A bar, its figure and its aim.

    :param x_of: function of a ratio: where it stands.
    """
    yield (f'<rect x="{LEFT}" y="{y}" width="{x_of(ratio) - LEFT:.1f}" '
           f'height="{BAR}" fill="{colour}"/>')
    if aim is not None:
        yield (f'<path d="M{x_of(aim):.1f} {y - 2}v{BAR + 4}" '
               'stroke="#111" stroke-width="2"/>')
    yield text(max(x_of(ratio), x_of(aim or 0)) + 6, y + BAR - 3,
               f'{ratio:.2f}')


def draw(rows):
    """The picture.

    :param rows: list of (work, ratios, aims), the last two in the order of
        :data:`NAMES`; None where there is none.
    :returns: str.
    """
    height = TOP + ROW * len(rows) + 20
    # As far as the longest bar, and the figure behind it.
    largest = max(filter(None, (each for _, ratios, aims in rows
                                for each in (1, *ratios, *aims)))) * 1.05
    step = 0.2 if largest < 2 else 0.5

    def x_of(ratio):
        return LEFT + ratio / largest * WIDTH

    found = [
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>']
    for number, (name, colour) in enumerate(zip(NAMES, COLOURS)):
        x = LEFT + 250 * number
        found.append(f'<rect x="{x}" y="8" width="12" height="12" '
                     f'fill="{colour}"/>')
        found.append(text(x + 18, 18, name))
    found.append(text(8, 18, 'Time taken, as a part of the time'))
    for number in range(int(largest / step) + 1):
        ratio = number * step
        x = x_of(ratio)
        found.append(f'<path d="M{x:.1f} {TOP - 8}V{height - 20}" stroke='
                     f'"{"#888" if abs(ratio - 1) < step / 2 else "#ddd"}"/>')
        found.append(text(x, height - 6, f'{ratio:.1f}', 'middle'))
    for number, (work, ratios, aims) in enumerate(rows):
        y = TOP + ROW * number
        found.append(text(LEFT - 10, y + BAR + 5, work, 'end'))
        for which, (ratio, aim) in enumerate(zip(ratios, aims)):
            if ratio is not None and aim is not None:
                found.extend(bar(x_of, y + (BAR + 3) * which, ratio, aim,
                                 COLOURS[which]))
    return '\n'.join([*found, '</svg>', ''])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('figures', help='what copy.py --json has written')
    parser.add_argument('picture', help='the SVG file to write')
    args = parser.parse_args()
    with open(args.figures, encoding='utf-8') as source:
        times = json.load(source)['times']
    rows = [(work, copy.ratios(said), copy.AIMS[work])
            for work, said in times.items()]
    with open(args.picture, 'w', encoding='utf-8') as target:
        target.write(draw(rows))


if __name__ == '__main__':
    main()
