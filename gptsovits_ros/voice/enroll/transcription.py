"""What is said in a slice, heard by whisper, where its model is in the model folder.

Any folder in the model folder whose name holds "whisper" is looked into: one with model.bin is
read by faster-whisper, one with model.safetensors by transformers, both beside a config.json.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from gptsovits_ros.errors import CheckpointError, DependencyMissingError

SAMPLE_RATE = 16000
BEAM_SIZE = 5
# Whisper writes Mandarin in simplified characters and with marks if it is spoken to like this.
ZH_PROMPT = '以下是普通话的句子。'
MAX_TOKENS = 220


class Transcriber(Protocol):
    """Writes down what is said."""

    def transcribe(self, wave: np.ndarray, language: str) -> str:
        """Return the text of samples float32 [T] at 16 kHz."""


def find_transcriber(model_root: Path) -> Transcriber | None:
    """Return what transcribes, loaded at its first use; None if there is no model.

    Raises:
        DependencyMissingError: there is a model, but not the library that reads it.

    """
    for folder in sorted(model_root.glob('*whisper*')) if model_root.is_dir() else ():
        if (folder / 'model.bin').is_file() and (folder / 'config.json').is_file():
            return FasterWhisper(folder)
        if (folder / 'model.safetensors').is_file() and (folder / 'config.json').is_file():
            return TransformersWhisper(folder)
    return None


class FasterWhisper:
    """A model in the form of CTranslate2."""

    def __init__(self, folder: Path) -> None:
        """Load it, with 8-bit weights."""
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise DependencyMissingError(
                f'{folder} needs faster-whisper ({error}); `pip install faster-whisper`, or '
                'remove the folder to do without transcription'
            ) from error
        try:
            self._model = WhisperModel(
                str(folder), device='cpu', compute_type='int8', local_files_only=True
            )
        # CTranslate2 has no exceptions of its own.
        except (RuntimeError, ValueError, OSError) as error:
            raise CheckpointError(f'cannot load whisper from {folder}: {error}') from error

    def transcribe(self, wave: np.ndarray, language: str) -> str:
        """Return the text of samples float32 [T] at 16 kHz."""
        segments, _ = self._model.transcribe(
            wave,
            language=language,
            beam_size=BEAM_SIZE,
            without_timestamps=True,
            condition_on_previous_text=False,
            initial_prompt=ZH_PROMPT if language == 'zh' else None,
        )
        return ''.join(segment.text for segment in segments).strip()


class TransformersWhisper:
    """A model as it is published for transformers."""

    def __init__(self, folder: Path) -> None:
        """Load it."""
        try:
            from transformers import WhisperForConditionalGeneration, WhisperProcessor
        except (ImportError, OSError) as error:
            raise DependencyMissingError(f'transformers cannot be imported: {error}') from error
        try:
            self._processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
            self._model = WhisperForConditionalGeneration.from_pretrained(
                folder, local_files_only=True
            ).eval()
        except (OSError, ValueError, RuntimeError) as error:
            raise CheckpointError(f'cannot load whisper from {folder}: {error}') from error

    def transcribe(self, wave: np.ndarray, language: str) -> str:
        """Return the text of samples float32 [T] at 16 kHz."""
        features = self._processor(wave, sampling_rate=SAMPLE_RATE, return_tensors='pt')
        tokens = self._model.generate(
            features.input_features,
            language=language,
            task='transcribe',
            num_beams=BEAM_SIZE,
            max_new_tokens=MAX_TOKENS,
        )
        return self._processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()
