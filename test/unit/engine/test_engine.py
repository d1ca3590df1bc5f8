"""The engine on a real, tiny voice."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import yaml

from gptsovits_ros.audio.watermark import MarkedStream
from gptsovits_ros.engine import engine as engine_module
from gptsovits_ros.engine.chunk_plan import FIRST_TOKENS, PaceMeter
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.watermark_weights import load_watermark
from gptsovits_ros.errors import (
    CanceledError,
    ConfigurationError,
    DependencyMissingError,
    LanguageUnsupportedError,
    ParameterInvalidError,
    TextInvalidError,
    TextTooLongError,
    VoiceInvalidError,
    VoiceNotFoundError,
    VoiceStoreError,
)
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SamplingParameters, SpeechRequest
from gptsovits_ros.voice.store import VoiceStore

MIXED = '你好，我是机器人。Hello world, this is a test! 今天是2024年3月15日。'


class UnknownPace(PaceMeter):
    """A meter that does not measure: machines that run tests are busy."""

    pace = None


@pytest.fixture(scope='module')
def engine(tiny_voice) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(engine_module, 'PaceMeter', UnknownPace)
        yield Engine.load(EngineSettings(voice_root=str(tiny_voice.parent), threads=1))


def speak(engine: Engine, text: str, **options) -> list:
    """Return the chunks of a text, one for each segment if not said otherwise."""
    options = {'seed': 5, 'stream': False, **options}
    return list(engine.synthesize(SpeechRequest(text, **options)))


def audio(chunks) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in chunks])


def test_marks_in_the_text_change_pause_and_rate(engine):
    options = {'noise_scale': 0.0, 'pause_s': 0.0, 'speed': 0.8}
    (plain,) = speak(engine, 'Good morning.', **options)
    (waits,) = speak(engine, '<speak>Good morning.<break time="1s"/></speak>', **options)
    assert len(waits.samples) == len(plain.samples) + 32000
    assert not waits.samples[-32000:].any()
    text = '<speak><prosody rate="200%">Good morning.</prosody></speak>'
    (fast,) = speak(engine, text, **options)
    assert len(fast.samples) == pytest.approx(len(plain.samples) / 2, abs=2 * 640)
    # The rate of the request and that of the marks stay together within what a request may ask.
    (fastest,) = speak(engine, text, **{**options, 'speed': 2.0})
    (limit,) = speak(engine, 'Good morning.', **{**options, 'speed': 2.0})
    assert len(fastest.samples) == len(limit.samples)


def test_lexicons_of_voice_and_robot_change_what_is_said(tiny_voice, tmp_path):
    root = tmp_path / 'voices'
    shutil.copytree(tiny_voice, root / tiny_voice.name)
    lexicon = tmp_path / 'robot.yaml'
    lexicon.write_text('format: 1\nen: {Ada: {say: robot}, Bob: {say: robot}}')
    own = root / tiny_voice.name / 'lexicon.yaml'
    own.write_text('format: 1\nen: {Bob: {say: voice}}')
    engine = Engine.load(EngineSettings(voice_root=str(root), threads=1, lexicon=str(lexicon)))
    (chunk,) = speak(engine, 'Ada and Bob.')
    assert chunk.segment_text == 'robot and voice.'
    own.write_text('format: 1\nen: {Bob: {say: changed}}')
    (chunk,) = speak(engine, 'Ada and Bob.')
    assert chunk.segment_text == 'robot and changed.'
    own.write_text('format: 1\nen: {Bob: {phonemes: XX}}')
    with pytest.raises(ConfigurationError, match='"Bob".*"XX"'):
        speak(engine, 'Ada and Bob.')


def test_numbers_are_read_as_upstream_does_if_that_is_wanted(tiny_voice):
    settings = EngineSettings(voice_root=str(tiny_voice.parent), threads=1)
    said = speak(Engine.load(settings), 'It is -3.')
    official = speak(Engine.load(replace(settings, upstream_compatible=True)), 'It is -3.')
    assert said[0].segment_text == 'It is minus three.'
    assert official[0].segment_text == 'It is -3.'


def test_mixed_text_becomes_one_chunk_per_segment(engine):
    chunks = speak(engine, MIXED, split_method='cut5')
    assert len(chunks) >= 4
    assert [chunk.segment_index for chunk in chunks] == list(range(len(chunks)))
    assert ''.join(chunk.segment_text for chunk in chunks).replace(' ', '') >= MIXED[:3]
    for chunk in chunks:
        assert chunk.samples.dtype == np.float32
        assert chunk.sample_rate == 32000
        assert 0 < np.abs(chunk.samples).max() <= 1
        # The pause is real silence.
        assert not chunk.samples[-int(0.3 * 32000) :].any()


@pytest.mark.parametrize('stream', [False, True])
def test_the_same_seed_is_the_same_audio_and_no_seed_is_new_each_time(engine, stream):
    first = audio(speak(engine, '你好，世界。', stream=stream))
    assert np.array_equal(first, audio(speak(engine, '你好，世界。', stream=stream)))
    other = audio(speak(engine, '你好，世界。', seed=6, stream=stream))
    assert first.shape != other.shape or not np.array_equal(first, other)
    free = [audio(speak(engine, '你好，世界。', seed=None)) for _ in range(2)]
    assert free[0].shape != free[1].shape or not np.array_equal(*free)


def test_a_segment_speaks_alike_whatever_was_said_before_by_this_engine(engine):
    alone = audio(speak(engine, 'Good morning.'))
    speak(engine, '完全不同的一句话。', seed=9)
    assert np.array_equal(alone, audio(speak(engine, 'Good morning.')))


@pytest.mark.parametrize(('speed', 'factor'), [(0.5, 2.0), (2.0, 0.5)])
def test_speed_changes_the_length_and_nothing_else_of_the_tokens(engine, speed, factor):
    options = {'pause_s': 0.0, 'noise_scale': 0.0}
    normal = audio(speak(engine, 'Good morning.', **options))
    changed = audio(speak(engine, 'Good morning.', speed=speed, **options))
    assert len(changed) == pytest.approx(len(normal) * factor, abs=2 * 640)


def test_pause_is_added_after_each_segment(engine):
    short = audio(speak(engine, MIXED, pause_s=0.0))
    chunks = speak(engine, MIXED, pause_s=0.5)
    assert len(audio(chunks)) - len(short) == len(chunks) * 16000


def test_sampling_parameters_reach_the_model(engine):
    greedy = SamplingParameters(top_k=1)
    first = audio(speak(engine, 'Good morning.', sampling=greedy, seed=1, noise_scale=0.0))
    second = audio(speak(engine, 'Good morning.', sampling=greedy, seed=2, noise_scale=0.0))
    assert np.array_equal(first, second)


@pytest.mark.parametrize('stream', [True, False])
def test_marks_come_with_the_sound_they_belong_to(engine, stream):
    chunks = speak(engine, 'Hello, good friends.', language='en', stream=stream, marks=True)
    words = [mark.text for chunk in chunks for mark in chunk.marks if mark.kind == 'word']
    assert words == ['Hello', 'good', 'friends']
    for chunk in chunks:
        assert all(0 <= mark.start_s <= chunk.duration_s for mark in chunk.marks)
    plain = speak(engine, 'Hello, good friends.', language='en', stream=stream)
    assert not any(chunk.marks for chunk in plain)
    assert np.array_equal(audio(plain), audio(chunks))


@pytest.mark.parametrize('stream', [False, True])
@pytest.mark.parametrize('after', [0, 1, 7, 40])
def test_cancel_stops_between_two_tokens(engine, after, stream):
    asked = []

    def cancelled() -> bool:
        asked.append(None)
        return len(asked) > after

    with pytest.raises(CanceledError):
        list(engine.synthesize(SpeechRequest(MIXED, seed=1, stream=stream), cancelled))
    assert len(asked) == after + 1
    assert speak(engine, 'Good morning.')


def test_resumed_text_leaves_out_the_segments_before_and_keeps_their_numbers(engine):
    whole = [(chunk.segment_index, chunk.segment_text) for chunk in speak(engine, MIXED)]
    last = whole[-1][0]
    for first in range(last + 1):
        rest = [
            (c.segment_index, c.segment_text) for c in speak(engine, MIXED, first_segment=first)
        ]
        assert {number for number, _ in rest} == set(range(first, last + 1))
        assert set(rest) == {said for said in whole if said[0] >= first}
    assert speak(engine, MIXED, first_segment=last + 1) == []


def test_leaving_the_stream_early_is_safe(engine):
    stream = engine.synthesize(SpeechRequest(MIXED, seed=1))
    next(stream)
    stream.close()
    assert speak(engine, 'Good morning.')


@pytest.mark.parametrize(
    ('request_', 'error'),
    [
        (SpeechRequest(''), TextInvalidError),
        (SpeechRequest(' \n\t'), TextInvalidError),
        (SpeechRequest('。！？'), TextInvalidError),
        (SpeechRequest('a\ud800b'), TextInvalidError),
        (SpeechRequest('a' * 2001), TextTooLongError),
        (SpeechRequest('hello', language='klingon'), LanguageUnsupportedError),
        (SpeechRequest('こんにちは、元気ですか', language='auto'), LanguageUnsupportedError),
        (SpeechRequest('hello', voice='nobody'), VoiceNotFoundError),
        (SpeechRequest('hello', voice='../tiny'), VoiceNotFoundError),
        (SpeechRequest('hello', speed=0.0), ParameterInvalidError),
        (SpeechRequest('hello', speed=float('nan')), ParameterInvalidError),
        (SpeechRequest('hello', pause_s=-1.0), ParameterInvalidError),
        (SpeechRequest('hello', seed=-3), ParameterInvalidError),
        (SpeechRequest('hello', split_method='cut9'), ParameterInvalidError),
        (SpeechRequest('hello', sampling=SamplingParameters(top_k=0)), ParameterInvalidError),
        (
            SpeechRequest('hello', sampling=SamplingParameters(temperature=9.0)),
            ParameterInvalidError,
        ),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_its_reason(engine, request_, error):
    with pytest.raises(error):
        next(engine.synthesize(request_))


def test_a_segment_comes_in_pieces_that_tell_where_they_belong(engine):
    whole = speak(engine, MIXED)
    pieces = speak(engine, MIXED, stream=True)
    assert len(pieces) > len(whole)
    ends = [chunk.segment_index for chunk in pieces if chunk.is_segment_end]
    assert ends == [chunk.segment_index for chunk in whole]
    for segment in whole:
        own = [chunk for chunk in pieces if chunk.segment_index == segment.segment_index]
        assert own[-1].is_segment_end and not any(chunk.is_segment_end for chunk in own[:-1])
        assert {chunk.segment_text for chunk in own} == {segment.segment_text}
        # Cut elsewhere, it is the same speech: tokens and noise come from the same seeds.
        streamed = audio(own)
        assert streamed.shape == segment.samples.shape
        assert np.corrcoef(streamed, segment.samples)[0, 1] > 0.9
        assert np.abs(streamed).max() <= 1


def test_the_first_piece_leaves_while_its_segment_is_drawn(engine):
    asked = []
    stream = engine.synthesize(
        SpeechRequest('Good morning to you all.', seed=5), lambda: bool(asked.append(None))
    )
    first = next(stream)
    early = len(asked)
    assert len(first.samples) == FIRST_TOKENS * 1280
    list(stream)
    assert early < len(asked) / 2


@pytest.mark.parametrize('speed', [0.5, 1.3, 2.0])
def test_a_stream_at_another_speed_is_as_long_as_the_whole(engine, speed):
    whole = audio(speak(engine, 'Good morning to you all.', speed=speed))
    pieces = audio(speak(engine, 'Good morning to you all.', speed=speed, stream=True))
    assert pieces.shape == whole.shape


@pytest.mark.parametrize('stream', [False, True])
def test_a_segment_sounds_the_same_in_a_text_that_is_resumed_at_it(engine, stream):
    chunks = speak(engine, MIXED, stream=stream)
    resumed = speak(engine, MIXED, stream=stream, first_segment=2)
    rest = [chunk for chunk in chunks if chunk.segment_index >= 2]
    assert rest and np.array_equal(audio(rest), audio(resumed))


def test_a_segment_that_nobody_reads_does_not_silence_its_neighbours(engine):
    chunks = speak(engine, '你好，世界。Приветмир。早上好啊。', language='all_zh')
    assert len(chunks) == 2


@pytest.mark.parametrize(
    'text', ['1', 'OK', '是的', '哈哈哈哈', '。好。', 'a', 'A.B.C.', '🎉 好的']
)
def test_short_and_odd_texts_are_spoken(engine, text):
    assert audio(speak(engine, text)).any()


def test_voices_are_listed_without_loading_and_damaged_ones_left_out(tiny_voice, tmp_path, caplog):
    root = tmp_path / 'voices'
    for name in ('one', 'two', 'zzz'):
        shutil.copytree(tiny_voice, root / name)
    (root / 'two' / 'voice.yaml').write_text('nonsense')
    engine = Engine.load(EngineSettings(voice_root=str(root), default_voice='zzz', threads=1))
    infos = engine.voices()
    assert [(info.name, info.is_default) for info in infos] == [('one', False), ('zzz', True)]
    assert '"two" cannot be used' in caplog.text
    with pytest.raises(VoiceInvalidError):
        speak(engine, 'hello', voice='two')
    assert speak(engine, 'hello', voice='one')


def test_the_engine_settles_the_store_and_takes_its_default(tiny_voice, tmp_path, monkeypatch):
    for name in ('one', 'two'):
        shutil.copytree(tiny_voice, tmp_path / name)
    store = VoiceStore(tmp_path)
    store.set_default('two')
    left = tmp_path / '.new-1' / 'three'
    left.mkdir(parents=True)
    engine = Engine.load(EngineSettings(voice_root=str(tmp_path), threads=1))
    assert (engine.default_voice, left.exists()) == ('two', False)
    store.set_default('one')
    assert [info.name for info in engine.voices() if info.is_default] == ['one']

    def refuse(self):
        raise VoiceStoreError('read-only')

    monkeypatch.setattr(VoiceStore, 'recover', refuse)
    assert Engine.load(EngineSettings(voice_root=str(tmp_path), threads=1)).voices()


def test_a_description_that_differs_from_the_weights_is_refused(tiny_voice, tmp_path):
    shutil.copytree(tiny_voice, tmp_path / 'liar')
    path = tmp_path / 'liar' / 'voice.yaml'
    tree = yaml.safe_load(path.read_text('utf-8'))
    tree['model']['sample_rate'] = 48000
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')
    with pytest.raises(VoiceInvalidError, match='48000'):
        Engine.load(EngineSettings(voice_root=str(tmp_path)))


def test_a_voice_without_prompt_text_bert_or_second_language_speaks(tiny_voice, tmp_path):
    shutil.copytree(tiny_voice, tmp_path / 'plain')
    path = tmp_path / 'plain' / 'voice.yaml'
    tree = yaml.safe_load(path.read_text('utf-8'))
    tree['prompt']['text'] = ''
    tree['languages'] = ['zh']
    tree['references'] = ['prompt.wav']
    del tree['encoders']['bert']
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')
    engine = Engine.load(EngineSettings(voice_root=str(tmp_path), threads=1))
    assert audio(speak(engine, '你好，世界。', language='zh')).any()
    with pytest.raises(LanguageUnsupportedError, match='speaks zh'):
        speak(engine, 'hello', language='en')


def test_a_voice_with_a_content_encoder_of_its_own_speaks(tiny_voice, tmp_path):
    from gptsovits_ros.checkpoint.content import content_weights
    from gptsovits_ros.checkpoint.weights import write_weights
    from gptsovits_ros.encoders.content import ContentConfig, ContentEncoder

    shutil.copytree(tiny_voice, tmp_path / 'own')
    config = ContentConfig(width=48, hidden_channels=16, n_layers=1)
    weights = content_weights(config, ContentEncoder(config).state_dict(), 'test')
    write_weights(weights, tmp_path / 'own' / 'content.safetensors')
    path = tmp_path / 'own' / 'voice.yaml'
    tree = yaml.safe_load(path.read_text('utf-8'))
    tree['encoders'] = {'bert': 'bert', 'content': 'content.safetensors'}
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), 'utf-8')
    engine = Engine.load(EngineSettings(voice_root=str(tmp_path), threads=1))
    assert len(engine.loaded_voice().prompt_tokens) > 50
    assert audio(speak(engine, '你好，世界。')).any()


@pytest.mark.parametrize('device', ['gpu', 'cuda:99', 'meta', ''])
def test_a_device_that_does_not_exist_is_explained(tiny_voice, device):
    settings = EngineSettings(voice_root=str(tiny_voice.parent), device=device)
    with pytest.raises(ConfigurationError, match='device'):
        Engine.load(settings)


def test_an_empty_store_names_the_command_that_fills_it(tmp_path):
    with pytest.raises(VoiceNotFoundError, match='make-test-voice'):
        Engine.load(replace(EngineSettings(), voice_root=str(tmp_path)))


@pytest.mark.parametrize('stream', [False, True])
def test_a_watermark_is_added_to_all_that_is_said_and_changes_nothing_else(
    engine, tiny_voice, stream
):
    try:
        marker = MarkedStream(load_watermark())
    except DependencyMissingError as error:
        pytest.skip(str(error))
    settings = EngineSettings(voice_root=str(tiny_voice.parent), threads=1, watermark=True)
    plain = speak(engine, 'Hello world. Again!', stream=stream)
    marked = speak(Engine.load(settings), 'Hello world. Again!', stream=stream)
    # How much of a stream comes at once depends on the speed of the machine.
    if not stream:
        for a, b in zip(plain, marked, strict=True):
            expected = marker.marked(a.samples, a.sample_rate).clip(-1, 1)
            np.testing.assert_allclose(b.samples, expected, atol=1e-6)
    assert len(audio(plain)) == len(audio(marked))
    assert np.abs(audio(plain) - audio(marked)).max() > 1e-4
