"""Seeds: one for each source of randomness, and always the same."""

from __future__ import annotations

from gptsovits_ros.engine.seeds import attempt_seed, noise_seed


def test_each_attempt_at_each_segment_has_a_seed_of_its_own_and_so_has_its_noise():
    tokens = {
        attempt_seed(seed, segment, attempt)
        for seed in (0, 1, 2**63 - 1, -1)
        for segment in range(3)
        for attempt in range(4)
    }
    noise = {noise_seed(seed) for seed in tokens}
    assert len(tokens | noise) == 2 * 4 * 3 * 4
    assert all(0 <= seed < 2**63 for seed in tokens | noise)


def test_the_same_seed_comes_from_the_same_numbers_on_every_machine():
    assert attempt_seed(5, 1, 2) == 4744620221167219174
    assert noise_seed(7) == 5273313447888356885
