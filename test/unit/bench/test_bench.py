"""Rows of the benchmarks; what they measure is never tested, only that they can."""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import fields

import pytest

from bench import __main__ as bench
from bench import phrases, speech
from bench.memory import largest_mib, open_files, resident_mib, threads
from bench.report import Conditions, Row, read, table, write
from bench.setup import Setup
from bench.timeline import LATE, Trace, picture

CPU = Conditions('cpu', 1, 'python -m bench')


def test_row_has_what_the_file_promises(tmp_path):
    row = CPU.row('real-time factor', [0.3, 0.1, 0.2], 's/s')
    write([row], tmp_path / 'out' / 'latest.json')
    (found,) = json.loads((tmp_path / 'out' / 'latest.json').read_text())
    assert list(found) == [field.name for field in fields(Row)]
    assert (found['value'], found['spread']) == (pytest.approx(0.2), [0.1, 0.3])
    assert (found['device'], found['threads'], found['unit']) == ('cpu', 1, 's/s')
    assert (found['goal'], found['ok'], found['command']) == (0.35, True, 'python -m bench')


@pytest.mark.parametrize(
    'device, name, value, ok',
    [
        ('cpu', 'real-time factor', 0.36, False),
        ('cuda:0', 'real-time factor', 0.02, True),
        ('cuda:0', 'semantic tokens', 1499.0, False),
        ('cuda:0', 'semantic tokens', 1501.0, True),
        ('cpu', 'semantic tokens', 40.0, None),
    ],
)
def test_goals_are_those_of_the_device(device, name, value, ok):
    assert Conditions(device, 1, '').row(name, [value], '').ok is ok


def test_voice_of_a_user_has_no_goals():
    assert Conditions('cpu', 1, '', has_goals=False).row('real-time factor', [9.0], '').ok is None


def test_quantiles_are_rows_of_their_own():
    median, high = CPU.quantiles('first', list(range(101)), 's')
    assert (median.name, median.value) == ('first, p50', 50)
    assert (high.name, high.value) == ('first, p95', 95)


def test_new_rows_replace_those_measured_in_the_same_way(tmp_path):
    path = tmp_path / 'latest.json'
    two = Conditions('cpu', 2, '')
    write([CPU.row('a', [1.0], 's'), CPU.row('b', [1.0], 's'), two.row('a', [1.0], 's')], path)
    write([CPU.row('a', [2.0], 's')], path)
    found = [(row['name'], row['threads'], row['value']) for row in read(path)]
    assert sorted(found) == [('a', 1, 2.0), ('a', 2, 1.0), ('b', 1, 1.0)]


def test_table_tells_goal_load_and_command():
    text = table([CPU.row('real-time factor', [0.5], 's/s'), CPU.row('text', [0.001], 's')])
    assert 'goal 0.35: missed' in text
    assert 'cpu, 1 thread(s), load ' in text and 'python -m bench' in text


def test_memory_files_and_threads_of_this_process():
    assert 0 < resident_mib() <= largest_mib()
    assert open_files(os.getpid()) >= 3
    assert threads(os.getpid()) >= 1


def test_timeline_hears_a_piece_when_it_is_there_and_the_one_before_is_over():
    trace = Trace([0.1, 0.2], [(0.5, 0.3), (0.6, 0.4), (2.0, 0.5)])
    assert trace.heard == [
        (0.5, pytest.approx(0.8)),
        (pytest.approx(0.8), pytest.approx(1.2)),
        (2.0, 2.5),
    ]
    bars = ElementTree.fromstring(picture(trace, 'a caption')).findall(
        '{http://www.w3.org/2000/svg}rect'
    )
    assert [bar.get('fill') for bar in bars].count(LATE) == 1


def test_unknown_benchmark_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['bench', 'speach'])
    with pytest.raises(SystemExit):
        bench.main()
    assert 'no benchmark speach' in capsys.readouterr().err


@pytest.mark.parametrize('measure', [speech.measure, phrases.measure])
def test_benchmark_measures_a_tiny_voice(tiny_voice, measure):
    setup = Setup(tiny_voice, 'cpu', 1, 1, 2, 'python -m bench')
    rows = list(measure(setup))
    assert rows and all(isinstance(row, Row) and row.value >= 0 for row in rows)
    assert len({row.name for row in rows}) == len(rows)
