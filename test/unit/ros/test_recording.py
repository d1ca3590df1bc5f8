"""A recording is as long as wanted, and a WAV file of what was heard."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from gptsovits_ros.errors import AudioInvalidError
from gptsovits_ros.ros.recording import SILENCE_DB, Recording

RATE = 16000


def tone(seconds: float, amplitude: float = 0.5) -> np.ndarray:
    """Return a sine, int16."""
    phase = 2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE
    return (amplitude * 32767 * np.sin(phase)).astype(np.int16)


def test_it_is_complete_at_the_wanted_length_and_takes_no_more():
    recording = Recording(1.0)
    recording.add(tone(0.75), RATE)
    assert not recording.is_complete and recording.seconds == 0.75
    recording.add(tone(0.75), RATE)
    assert recording.is_complete and recording.seconds == 1.0


def test_the_wav_file_holds_all_samples():
    recording = Recording(2.0)
    pieces = [tone(0.5, 0.3), tone(0.25, 0.9)]
    for piece in pieces:
        recording.add(piece, RATE)
    with wave.open(io.BytesIO(recording.wav())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE)
        assert file.readframes(RATE) == np.concatenate(pieces).tobytes()


def test_the_level_is_that_of_the_last_second():
    recording = Recording(10.0)
    assert recording.level_db == SILENCE_DB
    recording.add(tone(2.0, 1.0), RATE)
    assert recording.level_db == pytest.approx(-3.01, abs=0.05)
    for _ in range(10):
        recording.add(tone(0.1, 0.1), RATE)
    assert recording.level_db == pytest.approx(-23.01, abs=0.05)
    recording.add(np.zeros(RATE, np.int16), RATE)
    assert recording.level_db == SILENCE_DB


def test_another_rate_is_refused():
    recording = Recording(10.0)
    recording.add(tone(0.1), RATE)
    with pytest.raises(AudioInvalidError, match='16000 to 48000'):
        recording.add(tone(0.1), 48000)
