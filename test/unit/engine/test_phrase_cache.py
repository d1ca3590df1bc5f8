"""What the phrase cache keeps, gives back, forgets and survives."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from gptsovits_ros.audio.pcm import to_s16le
from gptsovits_ros.engine import phrase_cache, phrase_files
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.phrase_cache import PhraseCache, faults
from gptsovits_ros.engine.phrase_files import PhraseFiles
from gptsovits_ros.errors import CanceledError, ConfigurationError, VoiceStoreError
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import AudioChunk, SamplingParameters, SpeechRequest
from gptsovits_ros.voice.store import Voice, VoiceStore, read_voice

RATE = 32000
HELLO = SpeechRequest('Hello.', language='en', seed=5)
FREE = replace(HELLO, seed=None)


def never() -> bool:
    return False


@pytest.fixture
def voice(tmp_path) -> Voice:
    """Return a voice whose files hold no models."""
    folder = tmp_path / 'voices' / 'ann'
    folder.mkdir(parents=True)
    for name in ('gpt.safetensors', 'sovits.safetensors', 'prompt.wav', 'content.safetensors'):
        (folder / name).write_bytes(name.encode())
    tree = {
        'format': 1,
        'languages': ['en'],
        'model': {
            'semantic': 'gpt.safetensors',
            'acoustic': 'sovits.safetensors',
            'version': 'v2',
            'sample_rate': RATE,
        },
        'prompt': {'audio': 'prompt.wav', 'text': 'Hi.', 'language': 'en'},
        'encoders': {'content': 'content.safetensors'},
    }
    (folder / 'voice.yaml').write_text(yaml.safe_dump(tree))
    return read_voice(folder, tmp_path)


@pytest.fixture
def settings(tmp_path) -> EngineSettings:
    return EngineSettings(cache='all', cache_root=str(tmp_path / 'cache'), cache_mb=1)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return where the phrases are."""
    return tmp_path / 'cache' / 'phrases'


class Speaker:
    """Makes other noise each time, in as many chunks as told."""

    def __init__(self, chunks: int = 2, samples: int = 1000, guard: tuple[str, ...] = ()) -> None:
        self.times = 0
        self._chunks, self._samples, self._guard = chunks, samples, guard

    def __call__(self) -> Iterator[AudioChunk]:
        self.times += 1
        noise = np.random.default_rng(self.times)
        for index in range(self._chunks):
            samples = noise.uniform(-1, 1, self._samples).astype(np.float32)
            yield AudioChunk(samples, RATE, index, f'part {index}', bool(index), self._guard)


def say(
    cache: PhraseCache, voice: Voice, speaker: Speaker, request: SpeechRequest = HELLO
) -> list[AudioChunk]:
    return list(cache.speak(request, voice, speaker, never))


def pcm(chunks: list[AudioChunk]) -> bytes:
    return b''.join(to_s16le(chunk.samples) for chunk in chunks)


def phrases(folder: Path) -> list[Path]:
    return sorted(folder.rglob('*.phrase'))


def test_second_time_has_the_same_published_bytes_and_makes_nothing(voice, settings):
    speaker = Speaker()
    first = say(PhraseCache(settings), voice, speaker)
    cache = PhraseCache(settings)
    for again in (say(cache, voice, speaker), say(cache, voice, speaker)):
        assert pcm(again) == pcm(first)
        for ours, theirs in zip(again, first, strict=True):
            for field in fields(AudioChunk):
                if field.name != 'samples':
                    assert getattr(ours, field.name) == getattr(theirs, field.name)
            assert ours.samples.dtype == np.float32
            assert np.abs(ours.samples - theirs.samples).max() <= 1 / 32768
    assert speaker.times == 1


@pytest.mark.parametrize(
    'other',
    [
        replace(HELLO, text='Hello!'),
        replace(HELLO, language='auto'),
        replace(HELLO, speed=1.1),
        replace(HELLO, seed=6),
        FREE,
        replace(HELLO, split_method='cut0'),
        replace(HELLO, pause_s=0.2),
        replace(HELLO, noise_scale=0.4),
        replace(HELLO, sample_steps=8),
        replace(HELLO, guard_retries=0),
        replace(HELLO, sampling=SamplingParameters(top_k=5)),
    ],
)
def test_another_request_is_another_phrase(voice, settings, other):
    cache = PhraseCache(settings)
    assert cache.key(HELLO, voice) != cache.key(other, voice)
    assert cache.key(HELLO, voice) == cache.key(replace(HELLO, voice='ann'), voice)


def test_key_takes_in_every_field_of_a_request():
    names = {field.name for field in fields(SpeechRequest)}
    assert names == set(phrase_cache.wire.to_map(HELLO, []))


def test_another_reading_or_lexicon_is_another_phrase(voice, settings, tmp_path):
    lexicon = tmp_path / 'lexicon.yaml'
    lexicon.write_text('format: 1')
    keys = {
        PhraseCache(replace(settings, **change)).key(HELLO, voice)
        for change in ({}, {'upstream_compatible': True}, {'lexicon': str(lexicon)})
    }
    lexicon.write_text('format: 1 ')
    keys.add(PhraseCache(replace(settings, lexicon=str(lexicon))).key(HELLO, voice))
    assert len(keys) == 4


def test_changed_file_of_the_voice_is_another_voice(voice, settings):
    cache, speaker = PhraseCache(settings), Speaker()
    say(cache, voice, speaker)
    content = voice.acoustic.read_bytes()
    voice.acoustic.write_bytes(content[::-1])
    say(cache, voice, speaker)
    assert speaker.times == 2
    # It is known by what is in it, so it may be put back, or be copied to another machine.
    voice.acoustic.write_bytes(content)
    os.utime(voice.acoustic, ns=(1, 1))
    say(cache, voice, speaker)
    assert speaker.times == 2


def test_files_of_the_voice_are_read_once_also_across_restarts(voice, settings, monkeypatch):
    PhraseCache(settings).prepare(voice)
    monkeypatch.setattr(
        'gptsovits_ros.engine.file_hashes._content_hash', lambda path: pytest.fail(f'read {path}')
    )
    PhraseCache(settings).prepare(voice)


@pytest.mark.parametrize('table', [b'[]', b'{', b'{"/a": [1, "x", "y"]}', b'\xff', b'[' * 10**5])
def test_damaged_table_of_hashes_is_an_empty_one(voice, settings, folder, table):
    key = PhraseCache(settings).key(HELLO, voice)
    (folder / 'files.json').write_bytes(table)
    assert PhraseCache(settings).key(HELLO, voice) == key


def test_cancelled_utterance_is_not_kept(voice, settings, folder):
    cache, speaker = PhraseCache(settings), Speaker()
    spoken = cache.speak(HELLO, voice, speaker, never)
    next(spoken)
    spoken.close()

    def broken() -> Iterator[AudioChunk]:
        yield from speaker()
        raise CanceledError('stop')

    with pytest.raises(CanceledError):
        list(cache.speak(HELLO, voice, broken, never))
    assert phrases(folder) == []


def test_phrase_from_the_cache_can_be_cancelled(voice, settings):
    cache = PhraseCache(settings)
    say(cache, voice, Speaker())
    heard = cache.speak(HELLO, voice, Speaker(), iter([False, True]).__next__)
    next(heard)
    with pytest.raises(CanceledError):
        next(heard)


def test_resumed_phrase_is_the_rest_of_the_whole_one(voice, settings, folder):
    cache, speaker = PhraseCache(settings), Speaker(chunks=3)
    rest = replace(HELLO, first_segment=1)
    say(cache, voice, speaker, rest)
    assert phrases(folder) == []
    whole = say(cache, voice, speaker)
    heard = say(cache, voice, speaker, rest)
    assert speaker.times == 2
    assert [chunk.segment_index for chunk in heard] == [1, 2]
    assert pcm(heard) == pcm(whole[1:])


@pytest.mark.parametrize(
    'mode, kept', [('all', [HELLO, FREE]), ('seeded', [HELLO]), ('prerendered', [])]
)
def test_mode_says_what_is_kept_and_served(voice, settings, mode, kept):
    cache, speaker = PhraseCache(replace(settings, cache=mode)), Speaker()
    for request in (HELLO, FREE):
        speaker.times = 0
        say(cache, voice, speaker, request)
        say(cache, voice, speaker, request)
        assert speaker.times == (1 if request in kept else 2)


def test_what_another_mode_kept_is_not_served(voice, settings):
    say(PhraseCache(settings), voice, Speaker(), FREE)
    speaker = Speaker()
    say(PhraseCache(replace(settings, cache='prerendered')), voice, speaker, FREE)
    assert speaker.times == 1


@pytest.mark.parametrize('mode', ['prerendered', 'seeded', 'all'])
def test_prerendered_phrase_is_served_in_every_mode(voice, settings, mode):
    made = list(Speaker()())
    PhraseCache(settings).add(FREE, voice, made)
    speaker = Speaker()
    assert pcm(say(PhraseCache(replace(settings, cache=mode)), voice, speaker, FREE)) == pcm(made)
    assert speaker.times == 0


def test_phrase_made_again_elsewhere_replaces_the_one_in_memory(voice, settings):
    cache, silent = PhraseCache(settings), [AudioChunk(np.zeros(9, np.float32), RATE)]
    cache.add(FREE, voice, list(Speaker()()))
    say(cache, voice, Speaker(), FREE)
    PhraseCache(settings).add(FREE, voice, silent)
    assert pcm(say(cache, voice, Speaker(), FREE)) == pcm(silent)


def test_phrase_that_came_out_wrong_is_drawn_again_and_not_kept(voice, settings):
    cache = PhraseCache(settings)
    wrong, mended = Speaker(guard=('too_long:cut',)), Speaker(guard=('skip:retried',))
    for request, speaker, times in ((FREE, wrong, 2), (FREE, mended, 1), (HELLO, wrong, 1)):
        speaker.times = 0
        say(cache, voice, speaker, request)
        say(cache, voice, speaker, request)
        assert speaker.times == times
    assert faults(list(wrong())) == ['too_long:cut'] * 2


@pytest.mark.parametrize(
    'damage', [lambda data: data[:-1], lambda data: data[:30] + b'?' + data[31:], lambda _: b'']
)
def test_damaged_phrase_is_dropped_and_made_again(voice, settings, folder, caplog, damage):
    speaker = Speaker()
    say(PhraseCache(settings), voice, speaker)
    (path,) = phrases(folder)
    path.write_bytes(damage(path.read_bytes()))
    cache = PhraseCache(settings)
    with caplog.at_level(logging.WARNING):
        say(cache, voice, speaker)
    assert speaker.times == 2 and 'damaged and was removed' in caplog.text
    say(cache, voice, speaker)
    assert speaker.times == 2


@pytest.mark.parametrize(
    'record', [b'', b'\x00', b'\x91\x92\x80\xc4\x00', b'\x91\x92\x80\xc4\x01?']
)
def test_whole_file_that_holds_no_phrase_is_dropped_too(voice, settings, folder, record, caplog):
    cache = PhraseCache(settings)
    files = PhraseFiles(folder, 1000, 0, 'spoken')
    files.put('spoken/ann', cache.key(HELLO, voice), record)
    speaker = Speaker()
    assert len(say(cache, voice, speaker)) == 2
    assert speaker.times == 1 and 'is no phrase' in caplog.text


def test_full_disk_is_told_once_and_speech_goes_on(voice, settings, monkeypatch, caplog):
    cache, speaker = PhraseCache(settings), Speaker()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(phrase_files, 'write_private', full)
        for _ in range(3):
            assert len(say(cache, voice, speaker)) == 2
        assert caplog.text.count('No space left on device') == 1
    say(cache, voice, speaker)
    say(cache, voice, speaker)
    assert speaker.times == 4


def test_audio_that_cannot_be_kept_is_spoken_all_the_same(voice, settings, folder):
    def broken() -> Iterator[AudioChunk]:
        yield AudioChunk(np.full(9, np.nan, np.float32), RATE)

    assert len(say(PhraseCache(settings), voice, broken)) == 1
    assert phrases(folder) == []


def test_folder_that_cannot_be_made_changes_nothing_else(voice, settings, tmp_path, caplog):
    (tmp_path / 'cache').write_text('a file')
    cache = PhraseCache(settings)
    cache.prepare(voice)
    assert len(say(cache, voice, Speaker())) == 2
    assert 'cannot be used' in caplog.text


def test_least_recently_used_phrases_make_room_and_prerendered_ones_stay(voice, settings, folder):
    cache = PhraseCache(settings)
    third = Speaker(chunks=1, samples=150_000)  # 300 kB of 1 MiB
    cache.add(FREE, voice, list(third()))
    texts = [replace(HELLO, text=text) for text in ('one', 'two', 'three')]
    for age, request in enumerate(texts[:2]):
        say(cache, voice, third, request)
        (new,) = [path for path in phrases(folder / 'spoken') if path.stat().st_mtime > 1e9]
        os.utime(new, (age, age))
    say(cache, voice, third, texts[0])  # used again, so that the second is the oldest
    say(cache, voice, third, texts[2])
    third.times = 0
    for request in (FREE, texts[0], texts[2]):
        say(cache, voice, third, request)
    assert third.times == 0
    say(cache, voice, third, texts[1])
    assert third.times == 1
    assert sum(path.stat().st_size for path in phrases(folder)) <= 1 << 20


def test_prerendered_phrases_beyond_the_bound_are_refused_and_nothing_is_lost(voice, settings):
    cache = PhraseCache(settings)
    half = list(Speaker(chunks=1, samples=280_000)())
    cache.add(FREE, voice, half)
    with pytest.raises(ConfigurationError, match='1 MiB.*engine.cache_mb'):
        cache.add(HELLO, voice, half)
    assert cache.is_prerendered(FREE, voice) and not cache.is_prerendered(HELLO, voice)


def test_prune_leaves_the_wanted_phrases_and_other_voices(voice, settings):
    cache, chunks = PhraseCache(settings), list(Speaker()())
    other = replace(voice, name='bob')
    for request, of in ((FREE, voice), (HELLO, voice), (HELLO, other)):
        cache.add(request, of, chunks)
    assert cache.prune(voice, [FREE]) == 1
    assert cache.is_prerendered(FREE, voice) and cache.is_prerendered(HELLO, other)
    assert not cache.is_prerendered(HELLO, voice)


def test_nothing_of_a_voice_that_goes_is_left_in_memory_or_on_the_disk(voice, settings, folder):
    cache, chunks = PhraseCache(settings), list(Speaker()())
    other = replace(voice, name='bob')
    for of in (voice, other):
        cache.add(FREE, of, chunks)
        say(cache, of, Speaker(), HELLO)
    (folder / 'spoken' / 'of-an-earlier-release.phrase').write_bytes(b'?')
    cache.forget('ann')
    assert {path.parent.name for path in phrases(folder)} == {'bob'}
    assert {path.parent.name for path in cache._files._memory} == {'bob'}
    assert not (folder / 'spoken' / 'ann').exists()
    speaker = Speaker()
    say(cache, voice, speaker)
    say(cache, other, speaker)
    assert speaker.times == 1
    cache.forget('nobody')


def test_what_another_process_forgot_leaves_the_memory_at_the_next_phrase(voice, settings):
    cache = PhraseCache(settings)
    say(cache, voice, Speaker())
    PhraseCache(settings).forget('ann')
    say(cache, replace(voice, name='bob'), Speaker())
    assert {path.parent.name for path in cache._files._memory} == {'bob'}


@pytest.mark.parametrize('change', ['deleted', 'replaced'])
def test_what_a_voice_said_that_is_gone_by_now_is_not_kept(voice, settings, folder, change):
    def speak() -> Iterator[AudioChunk]:
        yield from Speaker()()
        if change == 'deleted':
            voice.acoustic.unlink()
        else:
            voice.acoustic.write_bytes(b'the model of another person')

    assert len(say(PhraseCache(settings), voice, speak)) == 2
    assert phrases(folder) == []


def test_phrases_that_cannot_be_removed_keep_the_voice(voice, settings, folder):
    (folder / 'spoken').mkdir(parents=True)
    (folder / 'spoken' / 'ann').symlink_to(folder, target_is_directory=True)
    store = VoiceStore(voice.folder.parent, voice.folder)
    store.before_removal(PhraseCache(settings).forget)
    with pytest.raises(VoiceStoreError, match='cannot be removed.*try again'):
        store.delete('ann')
    assert 'ann' in store.names()
    (folder / 'spoken' / 'ann').unlink()
    store.delete('ann')
    assert 'ann' not in store.names()


def test_memory_is_bounded(tmp_path):
    files = PhraseFiles(tmp_path, 10_000, 250, 'spoken')
    for key in ('a', 'b', 'c'):
        files.put('spoken', key, key.encode() * 100)
    files.put('spoken', 'large', b'x' * 300)
    assert [path.stem for path in files._memory] == ['b', 'c']
    assert files._in_memory == 200
    assert files.get('spoken', 'large') == b'x' * 300


def test_only_the_owner_can_read_it(voice, settings, folder):
    before = os.umask(0)
    try:
        say(PhraseCache(settings), voice, Speaker())
    finally:
        os.umask(before)
    for path in (folder.parent, folder, *folder.rglob('*')):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / 'spoken').mkdir()
    old, new = tmp_path / 'spoken' / 'old.tmp', tmp_path / 'spoken' / 'new.tmp'
    old.write_bytes(b'?')
    os.utime(old, (1, 1))
    new.write_bytes(b'?')
    PhraseFiles(tmp_path, 1000, 1000, 'spoken').put('spoken', 'a', b'1')
    assert not old.exists() and new.exists()


@pytest.fixture
def seeded(tiny_voice, tmp_path) -> EngineSettings:
    """Return settings of an engine that keeps what it says with a seed."""
    return EngineSettings(
        voice_root=str(tiny_voice.parent),
        threads=1,
        cache='seeded',
        cache_root=str(tmp_path / 'cache'),
    )


def test_engine_says_a_phrase_of_the_cache_without_its_models(seeded):
    request = SpeechRequest('Hello.', seed=5)
    first = list(Engine.load(seeded).synthesize(request))
    plain = list(Engine.load(replace(seeded, cache='off')).synthesize(request))
    assert pcm(first) == pcm(plain)
    engine = Engine.load(seeded)
    engine._pool = None
    assert pcm(list(engine.synthesize(request))) == pcm(first)


def test_marks_are_kept_and_given_to_who_asks_for_them(seeded):
    request = SpeechRequest('Hello robot.', language='en', seed=5)
    engine = Engine.load(seeded)
    unasked = list(engine.synthesize(request))
    assert not any(chunk.marks for chunk in unasked)
    wanted = [
        chunk.marks
        for chunk in Engine.load(replace(seeded, cache='off')).synthesize(
            replace(request, marks=True)
        )
    ]
    assert any(mark.kind == 'word' for marks in wanted for mark in marks)
    engine._pool = None  # what follows comes from the cache
    assert [chunk.marks for chunk in engine.synthesize(replace(request, marks=True))] == wanted
    assert not any(chunk.marks for chunk in engine.synthesize(request))
