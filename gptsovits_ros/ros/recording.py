"""What a microphone has heard so far, in memory. Knows no ROS."""

from __future__ import annotations

import io
import wave

import numpy as np

from gptsovits_ros.errors import AudioInvalidError

SILENCE_DB = -100.0
LEVEL_S = 1.0
FULL_SCALE = 32768.0


class Recording:
    """Samples of one rate, up to a length."""

    def __init__(self, wanted_s: float) -> None:
        """Begin a recording of so many seconds."""
        self._wanted_s = wanted_s
        self._rate = 0
        self._pieces: list[np.ndarray] = []
        self._length = 0

    @property
    def seconds(self) -> float:
        """Length so far [s]."""
        return self._length / self._rate if self._rate else 0.0

    @property
    def is_complete(self) -> bool:
        """Whether it is as long as wanted."""
        return self.seconds >= self._wanted_s

    @property
    def level_db(self) -> float:
        """Mean power of the last second below full scale [dB]; SILENCE_DB at least."""
        wanted, recent = round(LEVEL_S * self._rate), []
        for piece in reversed(self._pieces):
            if wanted <= 0:
                break
            recent.append(piece[-wanted:])
            wanted -= len(piece)
        if not recent:
            return SILENCE_DB
        power = np.mean((np.concatenate(recent) / FULL_SCALE) ** 2)
        return max(SILENCE_DB, float(10 * np.log10(power + 1e-12)))

    def add(self, samples: np.ndarray, rate: int) -> None:
        """Append samples, int16 [T]; what is beyond the wanted length is left out.

        Raises:
            AudioInvalidError: they have another rate than those before.

        """
        if self._rate and rate != self._rate:
            raise AudioInvalidError(
                f'the audio changed from {self._rate} to {rate} Hz; only one may publish there'
            )
        self._rate = rate
        room = round(self._wanted_s * rate) - self._length
        piece = samples[: max(room, 0)]
        if len(piece):
            self._pieces.append(piece)
            self._length += len(piece)

    def wav(self) -> bytes:
        """Return it as the content of a WAV file."""
        content = io.BytesIO()
        with wave.open(content, 'wb') as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes(b''.join(p.astype('<i2').tobytes() for p in self._pieces))
        return content.getvalue()
