"""Which pieces of a recording can be a prompt, and which is the best one."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.errors import (
    RecordingClippedError,
    RecordingNarrowBandError,
    RecordingNoisyError,
    RecordingTooShortError,
)
from gptsovits_ros.voice.enroll.activity import FRAME_S, FRAME_SAMPLES
from gptsovits_ros.voice.enroll.decode import Recording
from gptsovits_ros.voice.enroll.quality import Listened
from gptsovits_ros.voice.enroll.report import Quality
from gptsovits_ros.voice.enroll.selection import best_slices, refusal, score
from gptsovits_ros.voice.enroll.slices import slices, whole

RATE = 16000


def listened(*seconds: float, name: str = 'clip') -> Listened:
    """Return a recording of silence, speech, silence, ... of these lengths."""
    speech = np.concatenate(
        [np.full(round(s / FRAME_S), index % 2, np.float32) for index, s in enumerate(seconds)]
    )
    random = np.random.default_rng(0)
    wave = random.standard_normal(len(speech) * FRAME_SAMPLES) * 0.001
    # Loud and soft, as syllables are.
    syllables = 0.1 * (1 + np.sin(np.arange(len(wave)) * 2 * np.pi * 4 / RATE))
    wave += np.repeat(speech, FRAME_SAMPLES) * syllables * random.standard_normal(len(wave))
    return Listened(Recording(name, wave.astype(np.float32), RATE), wave, speech)


def lengths(heard: Listened) -> list[float]:
    return [round(piece.duration_s, 1) for piece in slices(heard)]


def test_whole_phrases_of_three_to_ten_seconds_are_found():
    heard = listened(0.5, 4.0, 0.6, 4.0, 0.6, 4.0, 0.5)
    # Each alone with 0.2 s around it, and two neighbours together.
    assert lengths(heard) == pytest.approx([4.4, 9.0, 4.4, 9.0, 4.4], abs=0.1)
    assert not any(piece.cut for piece in slices(heard))


def test_a_short_phrase_takes_silence_from_around_it():
    (piece,) = slices(listened(1.5, 2.5, 1.5))
    assert piece.duration_s == pytest.approx(3.0, abs=0.1)


def test_phrases_far_apart_are_not_joined():
    assert lengths(listened(0.5, 2.2, 2.0, 2.2, 0.5)) == pytest.approx([3.0, 3.0], abs=0.1)


def test_speech_without_a_pause_is_cut_where_it_is_quiet():
    heard = listened(0.3, 15.0, 0.3)
    heard.wave[8 * RATE : 8 * RATE + FRAME_SAMPLES * 4] *= 0.01
    found = list(slices(heard))
    assert found
    assert all(piece.cut for piece in found)
    assert found[0].end_s == pytest.approx(8.05, abs=0.1)
    assert all(3.0 <= piece.duration_s <= 10.0 for piece in found)


def test_all_of_a_short_recording_is_one_slice():
    heard = listened(0.5, 2.0, 1.5, 3.0, 0.5)
    piece = whole([heard])
    assert piece is not None
    assert (piece.start_s, piece.end_s) == pytest.approx((0.3, 7.2), abs=0.1)
    assert whole([listened(0.5, 9.9, 0.5)]) is None
    assert whole([heard, heard]) is None


def test_the_better_recording_becomes_the_prompt_and_references_share_no_moment():
    noisy, good = listened(0.5, 6.0, 0.5, name='noisy'), listened(0.5, 6.0, 0.8, 4.0, 0.5)
    noisy = listened(0.5, 6.0, 0.5, name='noisy')
    noise = np.random.default_rng(1).standard_normal(len(noisy.wave)) * 0.02
    noisy = Listened(
        Recording('noisy', (noisy.wave + noise).astype(np.float32), RATE),
        noisy.wave + noise,
        noisy.speech,
    )
    prompt, *references = best_slices([noisy, good])
    assert prompt.slice.heard is good
    assert len(references) == 1
    assert not references[0].slice.overlaps(prompt.slice)


def test_too_little_in_one_piece_says_so():
    with pytest.raises(RecordingTooShortError, match='whole sentences in one go'):
        best_slices([listened(0.5, 1.0, 3.0, 1.0, 3.0, 1.0)])


def quality(**changes: float) -> Quality:
    good = {
        'duration_s': 7.0,
        'speech_s': 6.0,
        'loudness_lufs': -23.0,
        'snr_db': 40.0,
        'crest_db': 15.0,
        'clipped_share': 0.0,
        'bandwidth_hz': 8000.0,
    }
    return Quality(**{**good, **changes})


def test_nothing_is_better_than_good():
    assert score(quality()) == 1.0
    assert refusal(quality()) is None


@pytest.mark.parametrize(
    'change',
    [
        {'snr_db': 20.0},
        {'bandwidth_hz': 6500.0},
        {'clipped_share': 0.001},
        {'crest_db': 10.0},
        {'speech_s': 3.0},
        {'duration_s': 3.2, 'speech_s': 3.0},
        {'duration_s': 9.8, 'speech_s': 9.0},
    ],
)
def test_each_fault_lowers_the_score_but_does_not_refuse(change):
    assert 0.1 < score(quality(**change)) < 1.0
    assert refusal(quality(**change)) is None


def test_a_cut_sentence_scores_less():
    assert score(quality(), cut=True) < score(quality())


@pytest.mark.parametrize(
    'change, error, advice',
    [
        ({'snr_db': 5.0}, RecordingNoisyError, 'only 5 dB above the noise'),
        ({'clipped_share': 0.05}, RecordingClippedError, 'turn the microphone down'),
        ({'crest_db': 6.0}, RecordingClippedError, 'turn the microphone down'),
        ({'bandwidth_hz': 4000.0}, RecordingNarrowBandError, 'as over a telephone'),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_do(change, error, advice):
    found = refusal(quality(**change))
    assert type(found) is error
    assert advice in str(found)
