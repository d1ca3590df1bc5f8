"""How many threads are taken where nobody says."""

from __future__ import annotations

import pytest

from gptsovits_ros.engine.threads import default_threads, draws_ahead, enrolment_threads


@pytest.mark.parametrize(
    ('cores', 'threads'), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (8, 4), (64, 4)]
)
def test_half_of_the_cores_are_left_to_the_rest_of_the_robot(cores, threads):
    assert default_threads(cores) == threads


@pytest.mark.parametrize(
    ('asked', 'cores', 'threads'), [(0, 1, 1), (0, 2, 2), (0, 64, 4), (1, 2, 1), (8, 2, 8)]
)
def test_an_enrolment_takes_all_cores_where_nobody_says(asked, cores, threads):
    assert enrolment_threads(asked, cores) == threads


@pytest.mark.parametrize(
    ('setting', 'threads', 'flags', 'ahead'),
    [
        ('auto', 2, {'avx2'}, True),
        ('auto', 4, {'avx512_bf16'}, True),
        ('auto', 2, {'avx512_bf16', 'amx_bf16'}, False),
        ('on', 2, {'amx_bf16'}, True),
        ('off', 2, {'avx2'}, False),
        ('on', 1, {'avx2'}, False),
    ],
)
def test_the_kind_of_cpu_decides_who_has_threads_of_their_own(setting, threads, flags, ahead):
    assert draws_ahead(setting, threads, flags) == ahead
