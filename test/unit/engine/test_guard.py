"""What the guard finds wrong, judged by numbers alone."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.engine.guard import (
    FASTEST,
    LOOP_TOKENS,
    SLOWEST,
    Prompt,
    SegmentGuard,
    expected_tokens,
    leaked_tokens,
    longest_common_run,
    longest_leak,
    longest_loop,
    safe_sampling,
    wave_faults,
)
from gptsovits_ros.types import SamplingParameters

# "你好，我是机器人。" as phonemes.
HELLO = 'n i2 h ao3 , w o3 sh ir4 j i1 q i4 r en2 .'.split()
LIMIT = 1350


def speech(length: int, seed: int = 0) -> list[int]:
    """Return tokens that do not repeat."""
    return np.random.default_rng(seed).permutation(1024)[:length].tolist()


def names(faults) -> list[str]:
    return [fault.name for fault in faults]


@pytest.fixture
def guard() -> SegmentGuard:
    return SegmentGuard.of(HELLO, Prompt((), tuple(speech(100, seed=1))), LIMIT)


def test_phonemes_take_the_time_of_their_class():
    edges = expected_tokens([])
    assert expected_tokens(['a1']) == expected_tokens(['AA1']) == expected_tokens(['ㅏ'])
    assert expected_tokens(['a1']) == expected_tokens(['a']) == expected_tokens(['Yaai3'])
    assert expected_tokens(['sh']) == expected_tokens(['SH']) == expected_tokens(['ㄱ'])
    assert expected_tokens(['a1']) > expected_tokens(['sh']) > edges
    assert expected_tokens(['.']) == expected_tokens(['停']) > expected_tokens(['a1'])


def test_speech_of_the_expected_length_has_no_fault(guard):
    expected = round(expected_tokens(HELLO))
    for length in (round(0.75 * expected), expected, round(1.7 * expected)):
        assert guard.faults(speech(length)) == ()


@pytest.mark.parametrize('length', [0, 1, 11])
def test_an_end_at_once_is_too_short(guard, length):
    assert names(guard.faults(speech(length))) == ['too_short']


def test_fewer_tokens_are_worse(guard):
    severities = [guard.faults(speech(length))[0].severity for length in (0, 5, 11)]
    assert severities == sorted(severities, reverse=True)


def test_one_token_above_the_band_is_too_long(guard):
    assert guard.faults(speech(guard.high)) == ()
    assert names(guard.faults(speech(guard.high + 1))) == ['too_long']


def test_a_slow_prompt_moves_the_band_and_a_wrong_one_only_so_far():
    phonemes = HELLO
    expected = expected_tokens(phonemes)
    paces = [
        Prompt(tuple(phonemes), tuple(range(round(expected * factor)))).pace
        for factor in (0.1, 1.0, 1.3, 9.0)
    ]
    assert paces == [FASTEST, pytest.approx(1, abs=0.02), pytest.approx(1.3, abs=0.02), SLOWEST]
    assert Prompt().pace == 1.0
    slow = SegmentGuard.of(['a1'], Prompt(tuple(phonemes), tuple(range(999))), LIMIT)
    assert slow.low > SegmentGuard.of(['a1'], Prompt(), LIMIT).low


def test_a_text_for_which_the_model_is_too_short_needs_no_retry_for_its_length():
    guard = SegmentGuard.of(HELLO * 40, Prompt(), LIMIT)
    assert not guard.fits
    assert guard.high == LIMIT - 1
    too_long = guard.faults(speech(1000) + speech(350, seed=3))
    assert names(too_long) == ['too_long']
    assert not guard.is_retry_worth(too_long)
    assert guard.is_retry_worth(guard.faults(speech(5)))
    assert not guard.is_retry_worth(())


@pytest.mark.parametrize('period', [1, 2, 7, 12])
def test_a_pattern_that_goes_on_is_a_loop(period):
    guard = SegmentGuard.of(HELLO * 3, Prompt(), LIMIT)
    start, pattern = speech(80), speech(period, seed=2)
    looped = start + pattern * (LOOP_TOKENS // period + 2)
    assert 'loop' in names(guard.faults(looped))
    assert guard.faults(start + pattern * 2) == ()


def test_silence_of_half_a_second_is_no_loop():
    guard = SegmentGuard.of(HELLO * 2, Prompt(), LIMIT)
    assert guard.faults(speech(40) + [985] * 16 + speech(20, seed=4)) == ()


def test_a_loop_has_a_pattern_three_times():
    pattern = speech(30)
    assert longest_loop(pattern * 2) == 0
    assert longest_loop(pattern * 3) == 60
    assert longest_loop([]) == 0


def test_the_tail_of_the_prompt_is_found_at_the_start_and_within(guard):
    tail = list(guard.tail[-20:])
    for tokens in (tail + speech(30), speech(15) + tail + speech(15, seed=5)):
        assert names(guard.faults(tokens)) == ['leak']


def test_a_nearly_equal_tail_is_a_leak_and_chance_is_not(guard):
    tail = list(guard.tail[-24:])
    tail[5] = tail[13] = tail[20] = 1023
    assert leaked_tokens(tail + speech(30), guard.tail) >= 15
    assert leaked_tokens(list(guard.tail[-8:]) + speech(40), guard.tail) == 0
    assert leaked_tokens(speech(300, seed=6), guard.tail) == 0
    assert leaked_tokens([], guard.tail) == leaked_tokens(speech(30), ()) == 0


def test_silence_as_in_the_prompt_is_no_leak():
    assert leaked_tokens([985] * 20, [985] * 40) == 0


def test_a_text_that_repeats_the_prompt_may_sound_like_it():
    prompt = Prompt(tuple(HELLO), tuple(speech(50)))
    assert SegmentGuard.of(HELLO, prompt, LIMIT).faults(speech(50)) == ()
    other = 'b u4 t ing2 d i5 sh uo1 h ua4 d e5 r en2 .'.split()
    assert names(SegmentGuard.of(other, prompt, LIMIT).faults(speech(50))) == ['leak']


def test_the_longest_common_run_is_found_wherever_it_stands():
    assert longest_common_run('xxabcy', 'abcz') == 3
    assert longest_common_run('abc', '') == longest_common_run('', 'abc') == 0
    assert longest_common_run('aab', 'aaab') == 3


@pytest.mark.parametrize(
    ('wave', 'fault'),
    [
        (np.full(100, 0.1), None),
        (np.zeros(100), 'silent'),
        (np.full(100, 0.001), 'silent'),
        (np.zeros(0), 'silent'),
        (np.array([0.1, np.nan]), 'not_finite'),
        (np.array([0.1, -np.inf]), 'not_finite'),
    ],
)
def test_silence_and_numbers_that_are_none_are_faults_of_the_sound(wave, fault):
    assert names(wave_faults(wave.astype(np.float32))) == ([fault] if fault else [])


def test_the_safe_setting_is_never_livelier():
    assert safe_sampling(SamplingParameters()).temperature < 1
    greedy = SamplingParameters(top_k=1, temperature=0.1, repetition_penalty=2.0)
    assert safe_sampling(greedy) == greedy


def test_first_tokens_are_judged_for_what_they_are_and_not_for_their_number(guard):
    assert guard.early_faults(speech(3)) == guard.early_faults(speech(guard.high + 40)) == ()
    assert names(guard.early_faults(speech(5) + [7] * (LOOP_TOKENS + 2))) == ['loop']
    assert names(guard.early_faults(list(guard.tail[-20:]))) == ['leak']


def test_eight_tokens_of_the_prompt_at_the_start_are_a_leak_already(guard):
    tail = list(guard.tail)
    assert names(guard.early_faults([1023, *tail[-8:]])) == ['leak']
    assert guard.early_faults([1023, *tail[-7:], 1022]) == ()
    assert guard.faults([*tail[-8:], *speech(40)]) == ()


def test_the_longest_leak_is_found_wherever_it_stands():
    tail = speech(30)
    assert longest_leak([900, 901, *tail[3:12], 902], tail) == 9
    assert longest_leak(tail[-6:], tail) == longest_leak(tail[:6], tail) == 6
    assert longest_leak(tail[:5], tail) == 0  # too few different tokens
    assert longest_leak([7] * 20, [7] * 30) == 0
    assert longest_leak([], tail) == longest_leak(tail, ()) == 0


def test_only_what_takes_about_a_second_is_brief():
    assert SegmentGuard.of(['n', 'i3'], Prompt(), LIMIT).is_brief
    assert not SegmentGuard.of(HELLO * 2, Prompt(), LIMIT).is_brief
