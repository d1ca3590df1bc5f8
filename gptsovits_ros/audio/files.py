"""The only reader and writer of audio files.

Files are untrusted: their kind, size and content are checked before anything is made of them.
"""

from __future__ import annotations

import io
import os
import stat
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from gptsovits_ros.audio import pcm
from gptsovits_ros.audio.resample import resample, resample_soxr_hq
from gptsovits_ros.errors import AudioInvalidError

# Containers that are parsed; libsndfile knows many more, old and rarely tested.
FORMATS = ('WAV', 'WAVEX', 'RF64', 'FLAC', 'OGG', 'MP3', 'AIFF')
PROMPT_RATE = 16000  # HuBERT's
PROMPT_MIN_S, PROMPT_MAX_S = 3.0, 10.0


@dataclass(frozen=True)
class AudioLimits:
    """What a file may be at most.

    Attributes:
        max_bytes: size of the file.
        max_duration_s: length of the audio [s].
        max_channels: number of channels.
        max_samples: samples of all channels together; 4 bytes of memory each.
        min_rate: lowest sampling rate [Hz].
        max_rate: highest sampling rate [Hz].

    """

    max_bytes: int = 256 * 1024 * 1024
    max_duration_s: float = 600.0
    max_channels: int = 8
    max_samples: int = 120_000_000
    min_rate: int = 8000
    max_rate: int = 192000


DEFAULT_LIMITS = AudioLimits()


@dataclass(frozen=True)
class SyntheticLabel:
    """What a file says of speech that nobody spoke; players and archives show these fields.

    Attributes:
        voice: name of the voice.
        made_at: when it was made, with time zone; the default is now.

    """

    voice: str
    made_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @property
    def fields(self) -> dict[str, str]:
        """Text fields of the file (INFO chunk of WAV)."""
        return {
            'title': f'AI-generated speech, voice "{self.voice}"',
            'artist': self.voice,
            'comment': 'AI-generated speech: synthetic, not a recording of a person. '
            f'voice={self.voice} time={self.made_at.isoformat(timespec="seconds")}',
            'date': self.made_at.isoformat(timespec='seconds'),
            'software': 'gptsovits_ros',
        }


@dataclass(frozen=True)
class Audio:
    """The content of an audio file.

    Attributes:
        samples: float32 [T, C], all finite, T at least 1.
        sample_rate: [Hz].

    """

    samples: np.ndarray
    sample_rate: int

    @property
    def duration_s(self) -> float:
        """Length [s]."""
        return len(self.samples) / self.sample_rate

    @property
    def mono(self) -> np.ndarray:
        """The mean of the channels, float32 [T]."""
        return self.samples.mean(axis=1)


def read_audio(path: str | Path, limits: AudioLimits = DEFAULT_LIMITS) -> Audio:
    """Read an audio file (WAV, FLAC, OGG, MP3, AIFF).

    Raises:
        AudioInvalidError: if it is no such file, breaks a limit, is empty or holds NaN or infinite
            samples.

    """
    path = Path(path)
    _check_is_file(path, limits)
    return _read(str(path), path.name, limits)


def read_audio_bytes(data: bytes, name: str, limits: AudioLimits = DEFAULT_LIMITS) -> Audio:
    """Read the content of an audio file that is no file here; name is for messages.

    Raises:
        AudioInvalidError: as read_audio.

    """
    _check_size(name, len(data), limits)
    return _read(io.BytesIO(data), name, limits)


def _read(source: str | io.BytesIO, name: str, limits: AudioLimits) -> Audio:
    try:
        with soundfile.SoundFile(source) as file:
            _check_header(name, file, limits)
            # One more frame than allowed: headers can understate the length.
            samples = file.read(
                int(limits.max_duration_s * file.samplerate) + 1, dtype='float32', always_2d=True
            )
            rate = file.samplerate
    # libsndfile gives RuntimeError (LibsndfileError); a nonsense header can make numpy refuse.
    except (RuntimeError, ValueError, MemoryError) as error:
        raise AudioInvalidError(f'{name} cannot be read as audio: {error}') from error
    if len(samples) == 0:
        raise AudioInvalidError(f'{name} holds no audio')
    _check_duration(name, len(samples) / rate, limits)
    if not np.isfinite(samples).all():
        raise AudioInvalidError(
            f'{name} holds NaN or infinite samples; save it again as 16-bit WAV'
        )
    return Audio(samples, rate)


def load_reference_waveform(
    path: str | Path,
    sample_rate: int,
    limits: AudioLimits = DEFAULT_LIMITS,
) -> Tensor:
    """Return a reference recording as the style encoder wants it.

    Mean of the channels, resampled; where the peak exceeds 1 divided by it, but by 2 at most.

    Source: gptsovits-spec section 8.2.

    Args:
        sample_rate: of the model [Hz].

    Returns:
        float32 [T].

    Raises:
        AudioInvalidError: as read_audio.

    """
    audio = read_audio(path, limits)
    return limit_reference_peak(
        resample(torch.from_numpy(audio.mono), audio.sample_rate, sample_rate)
    )


def limit_reference_peak(wave: Tensor) -> Tensor:
    """Return the wave, divided by its peak where that exceeds 1, but by 2 at most."""
    peak = wave.abs().max().item()
    return wave / min(2.0, peak) if peak > 1.0 else wave


def load_prompt_16k(path: str | Path, limits: AudioLimits = DEFAULT_LIMITS) -> Tensor:
    """Return a prompt recording as HuBERT wants it: mono, 16 kHz, by soxr, not normalised.

    The silence after it is appended by the encoder that hears it.

    Source: gptsovits-spec section 8.1.

    Returns:
        float32 [T].

    Raises:
        AudioInvalidError: as read_audio, or if the recording is not 3 to 10 seconds long.

    """
    audio = read_audio(path, limits)
    wave = resample_soxr_hq(audio.mono, audio.sample_rate, PROMPT_RATE)
    duration_s = len(wave) / PROMPT_RATE
    if not PROMPT_MIN_S <= duration_s <= PROMPT_MAX_S:
        raise AudioInvalidError(
            f'{Path(path).name} is {duration_s:.2f} s long; a prompt must be '
            f'{PROMPT_MIN_S:g} to {PROMPT_MAX_S:g} s. Cut it to one whole sentence of that length'
        )
    return torch.from_numpy(wave)


def write_wav(
    path: str | Path,
    samples: np.ndarray,
    sample_rate: int,
    label: SyntheticLabel | None = None,
) -> None:
    """Write mono samples as a 16-bit WAV file; the file appears whole or not at all.

    Args:
        samples: float32 [T], nominally within [-1, 1] (rounded and clipped by pcm.to_int16).
        label: of speech that was made by models; None: it is a recording.

    Raises:
        AudioInvalidError: if a sample is NaN or infinite.
        OSError: if the file cannot be written.

    """
    path = Path(path)
    integers = pcm.to_int16(samples)
    part = path.with_name(f'.{uuid.uuid4().hex}.part')
    try:
        with part.open('xb') as file:
            with soundfile.SoundFile(file, 'w', sample_rate, 1, 'PCM_16', format='WAV') as wav:
                for name, text in label.fields.items() if label else ():
                    setattr(wav, name, text)
                wav.write(integers)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _check_is_file(path: Path, limits: AudioLimits) -> None:
    """Refuse what is no regular file (a pipe would block) or is too large."""
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        raise AudioInvalidError(f'{path} cannot be opened: {error}') from error
    if not stat.S_ISREG(info.st_mode):
        raise AudioInvalidError(f'{path} is not a file')
    _check_size(path.name, info.st_size, limits)


def _check_size(name: str, size: int, limits: AudioLimits) -> None:
    if size > limits.max_bytes:
        raise AudioInvalidError(f'{name} has {size} bytes; at most {limits.max_bytes} are read')


def _check_header(name: str, file: soundfile.SoundFile, limits: AudioLimits) -> None:
    """Refuse by the header, before samples are read."""
    if file.format not in FORMATS:
        raise AudioInvalidError(
            f'{name} is of format {file.format}; use one of {", ".join(FORMATS)}'
        )
    if not limits.min_rate <= file.samplerate <= limits.max_rate:
        raise AudioInvalidError(
            f'{name} has a sampling rate of {file.samplerate} Hz; '
            f'{limits.min_rate} to {limits.max_rate} Hz are read'
        )
    if file.channels > limits.max_channels:
        raise AudioInvalidError(
            f'{name} has {file.channels} channels; at most {limits.max_channels} are read'
        )
    _check_duration(name, file.frames / file.samplerate, limits)
    if file.frames * file.channels > limits.max_samples:
        raise AudioInvalidError(
            f'{name} holds {file.frames * file.channels} samples; at most '
            f'{limits.max_samples} are read. Convert it to mono at 48000 Hz or less'
        )


def _check_duration(name: str, duration_s: float, limits: AudioLimits) -> None:
    if duration_s > limits.max_duration_s:
        raise AudioInvalidError(
            f'{name} is longer than {limits.max_duration_s:g} s; cut it, or raise the limit'
        )
