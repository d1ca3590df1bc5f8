"""How many threads are taken where nobody says."""

from __future__ import annotations

import pytest

from gptsovits_ros.engine.threads import batch_threads, default_threads, enrolment_threads
from gptsovits_ros.errors import ConfigurationError


@pytest.mark.parametrize(
    ('cores', 'threads'), [(1, 1), (2, 1), (3, 1), (4, 2), (6, 3), (8, 4), (64, 4)]
)
def test_half_of_the_cores_are_left_to_the_rest_of_the_robot(cores, threads):
    assert default_threads(cores) == threads
    assert default_threads(cores, parallel=4) == max(2, threads)


@pytest.mark.parametrize(
    ('asked', 'cores', 'threads'), [(0, 1, 1), (0, 2, 2), (0, 64, 4), (1, 2, 1), (8, 2, 8)]
)
def test_an_enrolment_takes_all_cores_where_nobody_says(asked, cores, threads):
    assert enrolment_threads(asked, cores) == threads


def test_half_of_the_threads_draw_for_utterances_that_are_spoken_at_once():
    assert [batch_threads(threads, on_cpu=True) for threads in (2, 3, 4)] == [1, 1, 2]
    assert batch_threads(1, on_cpu=False) == 1
    with pytest.raises(ConfigurationError, match=r'engine\.threads is 1; set it to 2'):
        batch_threads(1, on_cpu=True)
