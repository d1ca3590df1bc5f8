"""When somebody speaks: the network of silero-vad, run by onnxruntime.

The package is not imported, only its file is used: importing it sets the threads of torch to one
for the whole process, and its TorchScript model needs seconds to warm up where this needs none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.voice.enroll.packages import package_file

SAMPLE_RATE = 16000
FRAME_SAMPLES = 512  # 32 ms
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE
# A frame is speech from the first threshold on, and until it falls below the second.
ON, OFF = 0.5, 0.35
SHORTEST_SPEECH_S = 0.25
SHORTEST_SILENCE_S = 0.2

_CONTEXT_SAMPLES = 64  # of the frame before, which the network sees again
_INSTALL = "`pip install 'gptsovits_ros[enroll]'`"


class SpeechDetector:
    """Tells how likely each 32 ms of a recording are speech."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            DependencyMissingError: silero-vad or onnxruntime is not installed.

        """
        path = package_file('silero_vad', 'data/silero_vad.onnx')
        if path is None:
            raise DependencyMissingError(
                f'enrolling a voice needs silero-vad, which finds the speech; {_INSTALL}'
            )
        self._session = _session(path)

    def probabilities(self, wave: np.ndarray) -> np.ndarray:
        """Return float32 [ceil(T / 512)] for samples float32 [T] at 16 kHz."""
        count = -(-len(wave) // FRAME_SAMPLES)
        padded = np.pad(wave, (_CONTEXT_SAMPLES, count * FRAME_SAMPLES - len(wave)))
        state = np.zeros((2, 1, 128), np.float32)
        rate = np.array(SAMPLE_RATE, np.int64)
        found = np.zeros(count, np.float32)
        for index in range(count):
            start = index * FRAME_SAMPLES
            window = padded[None, start : start + _CONTEXT_SAMPLES + FRAME_SAMPLES]
            probability, state = self._session.run(
                None, {'input': window, 'state': state, 'sr': rate}
            )
            found[index] = probability[0, 0]
        return found


def phrases(probabilities: np.ndarray) -> list[tuple[int, int]]:
    """Return what is spoken between silences, as frames [start, end)."""
    spans: list[tuple[int, int]] = []
    start = None
    for index, probability in enumerate(probabilities):
        if start is None and probability >= ON:
            start = index
        elif start is not None and probability < OFF:
            spans.append((start, index))
            start = None
    if start is not None:
        spans.append((start, len(probabilities)))
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and (begin - joined[-1][1]) * FRAME_S < SHORTEST_SILENCE_S:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return [(begin, end) for begin, end in joined if (end - begin) * FRAME_S >= SHORTEST_SPEECH_S]


def _session(path: Path):
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyMissingError(
            f'enrolling a voice needs onnxruntime ({error}); {_INSTALL}'
        ) from error
    options = onnxruntime.SessionOptions()
    # Frames follow one another, so a second thread would only wait.
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
