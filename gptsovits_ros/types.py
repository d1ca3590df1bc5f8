"""What travels between rooms: frozen dataclasses, with shapes and units in the docstrings.

Tensor axes, here and everywhere: B batch, P phonemes, S semantic tokens (25 per second in v2),
F frames (50 per second), C channels, T samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gptsovits_ros.errors import (
    LanguageUnsupportedError,
    ParameterInvalidError,
    TextInvalidError,
    TextTooLongError,
)

# Captures what a function does to tensors whose addresses stay, and returns what does it again. To
# capture, it runs the function, maybe several times.
Capture = Callable[[Callable[[], None]], Callable[[], None]]

# Language tags of a request (gptsovits-spec section 4.1). One-language tags read what is not
# English in that language; all_* never ask the language identifier; auto detects each piece, and
# auto_yue reads what it takes for Chinese as Cantonese. Models with symbol table v1 speak neither
# Korean nor Cantonese.
LANGUAGES = (
    'auto',
    'auto_yue',
    'zh',
    'en',
    'ja',
    'ko',
    'yue',
    'all_zh',
    'all_ja',
    'all_ko',
    'all_yue',
)


@dataclass(frozen=True)
class Reading:
    """A word whose phonemes are given, not worked out.

    Attributes:
        language: "zh", "en", "ja", "ko" or "yue".
        word: as it was written.
        phonemes: symbols of the phoneme set.

    """

    language: str
    word: str
    phonemes: tuple[str, ...]


@dataclass(frozen=True)
class Segment:
    """A piece of text that is spoken at once.

    Attributes:
        marked: the text to read, with a placeholder character for each word of `readings`.
        language: one of LANGUAGES.
        pause_s: silence behind it [s], [0, 5]; None: as the request says.
        rate: speaking rate relative to that of the request, [0.5, 2].
        readings: what each placeholder stands for.

    """

    marked: str
    language: str
    pause_s: float | None = None
    rate: float = 1.0
    readings: Mapping[str, Reading] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text without placeholders: what is said, or as written if that is not known yet."""
        return ''.join(
            self.readings[character].word if character in self.readings else character
            for character in self.marked
        )


@dataclass(frozen=True)
class SpokenWord:
    """A word, or in Chinese a character, and how many phonemes it has; no text: marks, spaces."""

    text: str
    phonemes: int


@dataclass(frozen=True)
class Span:
    """One piece of text in one language, as phonemes.

    Attributes:
        language: "zh", "en", "ja", "ko" or "yue".
        text: the piece as the frontend got it, in words already unless it is compatible with
            upstream.
        norm_text: the piece as it is spoken (numbers and symbols as words).
        phonemes: symbols of the phoneme set, P of them.
        word2ph: phonemes per character of norm_text (zh: len(norm_text) entries, sum P); None
            where the language is spoken without BERT features (all but zh), which are then zeros.
        words: what the phonemes belong to, in order; their phonemes sum to P.

    """

    language: str
    text: str
    norm_text: str
    phonemes: tuple[str, ...]
    word2ph: tuple[int, ...] | None = None
    words: tuple[SpokenWord, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Phonemes:
    """One segment of text, ready for the models.

    Attributes:
        text: the segment with numbers and signs as words; as it was written if the frontend is
            compatible with upstream, which finds those words later.
        spans: its one-language pieces, in order.
        ids: int64 [P], ids of all phonemes of all spans in the symbol table of the model.

    """

    text: str
    spans: tuple[Span, ...]
    ids: np.ndarray

    @property
    def norm_text(self) -> str:
        """The segment as it is spoken."""
        return ''.join(span.norm_text for span in self.spans)


@dataclass(frozen=True)
class SamplingParameters:
    """How the next semantic token is drawn (gptsovits-spec section 6).

    Attributes:
        top_k: keep this many most likely tokens [1, 1025]; 1 is greedy.
        top_p: keep the smallest set of tokens with at least this probability (0, 1]; 1 keeps all.
        temperature: below 1 is steadier, above 1 livelier [0, 2].
        repetition_penalty: above 1 makes tokens that already occurred less likely [1, 3].

    """

    top_k: int = 15
    top_p: float = 1.0
    temperature: float = 1.0
    repetition_penalty: float = 1.35


@dataclass(frozen=True)
class SpectrogramConfig:
    """How a waveform becomes a magnitude spectrogram (gptsovits-spec section 8.2).

    Attributes:
        sample_rate: of the waveform, and of the model's output [Hz].
        n_fft: size of the transform; it has n_fft / 2 + 1 bins.
        hop_length: samples between frames.
        win_length: samples under the window.

    """

    sample_rate: int = 32000
    n_fft: int = 2048
    hop_length: int = 640
    win_length: int = 2048

    @property
    def bins(self) -> int:
        """Rows of the spectrogram."""
        return self.n_fft // 2 + 1


SPLIT_METHODS = ('cut0', 'cut1', 'cut2', 'cut3', 'cut4', 'cut5')


@dataclass(frozen=True)
class SpeechRequest:
    """One utterance to be spoken.

    Attributes:
        text: plain UTF-8 text; markup only if it starts with <speak> (docs/pronunciation.md).
        language: one of LANGUAGES.
        voice: name of a voice in the store; empty: the default voice.
        speed: speaking rate relative to the voice [0.5, 2.0]; 1.0 leaves it as it is.
        seed: seed of all randomness of this utterance; None: a new one each time.
        split_method: how the text is cut into segments (gptsovits-spec section 4.4).
        pause_s: silence after each segment [s], [0, 2].
        noise_scale: spread of the acoustic prior [0, 1]; 0 gives the most likely sound. Voices of
            v3 and v4 have no such prior.
        sample_steps: steps in which voices of v3 and v4 draw their sound [1, 128]; fewer are
            quicker and rougher. Other voices have no steps.
        guard_retries: how often a segment that came out wrong is drawn again with another seed
            [0, 10] (docs/guard.md); 0: nothing is checked.
        stream: whether the sound of a segment comes in several chunks while it is made; False: in
            one. Voices of v3 and v4 have one chunk per segment in any case.
        first_segment: how many segments at the start of the text are left out: what was spoken
            already of a text that is resumed. Those that are spoken keep their numbers.
        marks: whether chunks come with marks (docs/marks.md).
        sampling: how semantic tokens are drawn.

    """

    text: str
    language: str = 'auto'
    voice: str = ''
    speed: float = 1.0
    seed: int | None = None
    split_method: str = 'cut5'
    pause_s: float = 0.3
    noise_scale: float = 0.5
    sample_steps: int = 32
    guard_retries: int = 2
    stream: bool = True
    first_segment: int = 0
    marks: bool = False
    sampling: SamplingParameters = field(default_factory=SamplingParameters)


# Ranges of the numbers in a request, ends included.
REQUEST_BOUNDS = {
    'speed': (0.5, 2.0),
    'pause_s': (0.0, 2.0),
    'noise_scale': (0.0, 1.0),
    'sample_steps': (1, 128),
    'guard_retries': (0, 10),
    'first_segment': (0, 100_000),
    'seed': (0, 2**63 - 1),
    'top_k': (1, 1025),
    'top_p': (0.0, 1.0),
    'temperature': (0.0, 2.0),
    'repetition_penalty': (1.0, 3.0),
}


def check_request(request: SpeechRequest, max_text_length: int) -> None:
    """Raise the typed error for a request that can be refused without looking at any model.

    Raises:
        TextInvalidError: no text, or not valid UTF-8.
        TextTooLongError: more than max_text_length characters.
        LanguageUnsupportedError: the language tag is unknown.
        ParameterInvalidError: a number is outside its range, or the split method is unknown.

    """
    if not request.text.strip():
        raise TextInvalidError('the text is empty')
    if len(request.text) > max_text_length:
        raise TextTooLongError(
            f'the text has {len(request.text)} characters; at most {max_text_length} are '
            'accepted (speech.max_text_length). Send it in pieces'
        )
    if any('\ud800' <= character <= '\udfff' for character in request.text):
        raise TextInvalidError('the text is not valid UTF-8')
    if request.language not in LANGUAGES:
        raise LanguageUnsupportedError(
            f'unknown language "{request.language}"; known are {", ".join(LANGUAGES)}'
        )
    if request.split_method not in SPLIT_METHODS:
        raise ParameterInvalidError(
            f'unknown split method "{request.split_method}"; known are {", ".join(SPLIT_METHODS)}'
        )
    sampling = request.sampling
    for name, value in (
        ('speed', request.speed),
        ('pause_s', request.pause_s),
        ('noise_scale', request.noise_scale),
        ('sample_steps', request.sample_steps),
        ('guard_retries', request.guard_retries),
        ('first_segment', request.first_segment),
        ('top_k', sampling.top_k),
        ('top_p', sampling.top_p),
        ('temperature', sampling.temperature),
        ('repetition_penalty', sampling.repetition_penalty),
        ('seed', request.seed or 0),
    ):
        low, high = REQUEST_BOUNDS[name]
        # Written so that NaN, which compares as false, is refused too.
        if not low <= value <= high:
            raise ParameterInvalidError(f'{name} is {value}; the range is {low} to {high}')


@dataclass(frozen=True)
class Mark:
    """When something is said: "word", "phoneme" (a symbol) or "viseme" (a shape of the mouth)."""

    kind: str
    text: str
    start_s: float
    duration_s: float


@dataclass(frozen=True)
class AudioChunk:
    """Audio that is ready to be played, in order.

    Attributes:
        samples: float32 [T], mono, in [-1, 1].
        sample_rate: [Hz].
        segment_index: number of the segment of text that this chunk belongs to, from 0.
        segment_text: that segment, as it is said (see Phonemes.text).
        is_segment_end: True for the last chunk of its segment (its pause included).
        guard: what went wrong with the segment and was done about it, "<fault>:<action>" each
            (docs/guard.md), in its last chunk; empty: nothing.
        marks: what begins in this chunk, in order, if it was asked for; times from its start.

    """

    samples: np.ndarray
    sample_rate: int
    segment_index: int = 0
    segment_text: str = ''
    is_segment_end: bool = True
    guard: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length of the chunk [s]."""
        return len(self.samples) / self.sample_rate


@dataclass(frozen=True)
class VoiceInfo:
    """What a client may know of a voice.

    Attributes:
        name: its name in the store.
        description: one line for people.
        languages: language tags that it speaks.
        model_version: GPT-SoVITS version of its models, e.g. "v2".
        sample_rate: of the audio it makes [Hz].
        is_default: True for the voice that speaks when a request names none.

    """

    name: str
    description: str
    languages: tuple[str, ...]
    model_version: str
    sample_rate: int
    is_default: bool = False
