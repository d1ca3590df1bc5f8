"""How much of an utterance is understood, by a transcriber that hears what it is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gptsovits_ros.engine.read_back import ReadBack
from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import AudioChunk, SpeechRequest
from gptsovits_ros.voice.store import VoiceStore


class Ear:
    """Hears a text, whatever is said."""

    def __init__(self, text: str = '') -> None:
        self.text = text
        self.asked: list[tuple[int, str]] = []

    def transcribe(self, wave: np.ndarray, language: str) -> str:
        assert wave.dtype == np.float32
        self.asked.append((len(wave), language))
        return self.text


@pytest.fixture
def voice(tiny_voice):
    return VoiceStore(tiny_voice.parent).voice(tiny_voice.name)


@pytest.fixture
def understood(voice):
    """Return a function that says a text, hears another, and tells what was understood."""
    frontend = TextFrontend()

    def listen(said: str, heard: str, language: str = 'auto', ear: Ear | None = None):
        ear = ear or Ear()
        ear.text = heard
        chunks = [AudioChunk(np.zeros(1600, np.float32), 32000)] * 2
        request = SpeechRequest(said, language=language)
        return ReadBack(ear, frontend).understood(chunks, request, voice)

    return listen


@pytest.mark.parametrize(
    'said, heard',
    [
        ('Bay 42 is free.', 'bay forty-two is free'),
        ('I can see the sea.', 'I can sea the see!'),
        ('今天是5月1日。', '今天是五月一日'),
        ('他在那里，很好。', '她在那里很好'),
        ('<speak>Going <break time="1s"/> up.</speak>', 'Going up.'),
    ],
)
def test_what_sounds_alike_is_understood(understood, said, heard):
    result = understood(said, heard)
    assert (result.errors, result.text) == (0, heard) and result.phonemes >= 6


@pytest.mark.parametrize(
    'said, heard, errors',
    [
        ('The cat is here.', 'The hat is here.', 1),
        ('The cat is here.', 'The cat is', 3),
        ('The cat is', 'The cat is here.', 3),
        ('一张桌子。', '一章桌子。', 0),
        ('我要买花。', '我要卖花。', 1),
    ],
)
def test_phonemes_that_differ_are_counted(understood, said, heard, errors):
    assert understood(said, heard).errors == errors


@pytest.mark.parametrize('heard', ['', ' ... ', '\u0e2a\u0e27\u0e31\u0e2a'])
def test_nothing_that_can_be_read_is_nothing_understood(understood, heard):
    result = understood('Going up.', heard, language='en')
    assert result.errors == result.phonemes > 0


def test_a_part_that_nobody_reads_does_not_count(understood):
    result = understood('Going up. \u0e2a\u0e27\u0e31\u0e2a.', 'Going up.', language='en')
    assert result.errors == 0 < result.phonemes


@pytest.mark.parametrize(
    'said, language, told',
    [
        ('Going up.', 'auto', 'en'),
        ('请用 WiFi 连接机器人。', 'zh', 'zh'),
        ('Please say 你好 to them.', 'auto', 'en'),
    ],
)
def test_whisper_is_told_the_language_and_gets_everything_at_its_rate(
    understood, said, language, told
):
    ear = Ear()
    understood(said, said, language, ear)
    assert ear.asked == [(1600, told)]


def test_words_of_the_lexicon_of_a_voice_are_known(voice, tmp_path):
    lexicon = tmp_path / 'lexicon.yaml'
    lexicon.write_text('format: 1\nen: {ROS: {say: Ross}}', encoding='utf-8')
    ear, chunks = Ear('Ross is up.'), [AudioChunk(np.zeros(3200, np.float32), 32000)]
    request = SpeechRequest('ROS is up.', language='en')
    read_back = ReadBack(ear, TextFrontend())
    without = read_back.understood(chunks, request, voice)
    knowing = read_back.understood(chunks, request, replace(voice, lexicon=lexicon))
    assert knowing.errors < without.errors


def test_without_whisper_it_is_told_what_to_do(tmp_path):
    with pytest.raises(DependencyMissingError, match='whisper model in .*put one there'):
        ReadBack.find(EngineSettings(voice_root=str(tmp_path)), tmp_path)
