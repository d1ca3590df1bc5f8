"""Every golden case that this release claims agrees with the official implementation."""

from __future__ import annotations

import pytest

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.parity.cases import find_cases, run_case
from gptsovits_ros.parity.report import FAIL, OK, TODO, compared

# Case -> quantities that must agree; more is welcome, less is a case that silently went away.
CLAIMED = {
    't2s_v2_a': 26,
    't2s_v1_b': 20,
    's2_v1': 27,
    's2_v2': 41,
    's2_v2Pro': 33,
    's2_v2ProPlus': 33,
    'audio': 14,
    'bert_hubert_tiny': 9,
    'ckpt_format': 6,
    'pipeline_glue': 8,
    'text': 25,
    'e2e_v2': 15,
    's2_v3': 12,
    's2_v4': 12,
    'v3v4_cfm': 12,
}


@pytest.mark.parametrize('case', CLAIMED)
def test_the_case_agrees_with_the_official_implementation(goldens, case):
    rows = list(run_case(goldens / case))
    assert [row for row in rows if row.status == FAIL] == []
    assert sum(row.status == OK for row in rows) >= CLAIMED[case]


def test_every_case_of_the_folder_is_claimed_or_said_to_be_open(goldens):
    for folder in find_cases(goldens, []):
        if folder.name not in CLAIMED:
            assert [row.status for row in run_case(folder)][0] in (OK, TODO), folder.name


def test_an_error_beyond_its_tolerance_or_no_number_at_all_fails():
    assert compared('c', 'q', 2e-4, 1e-4).status == FAIL
    assert compared('c', 'q', float('nan'), 1e-4).status == FAIL
    assert compared('c', 'q', 1e-5, 1e-4).status == OK


def test_a_wrong_folder_or_case_is_explained(tmp_path, goldens):
    with pytest.raises(ConfigurationError, match='no golden cases'):
        find_cases(tmp_path, [])
    with pytest.raises(ConfigurationError, match='no case "x"'):
        find_cases(goldens, ['x'])
