"""A segment as its listener gets it: chunks of audio with their marks, and the pause behind it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

import numpy as np

from gptsovits_ros.audio.pcm import limit_peak, silence
from gptsovits_ros.engine.synthesis import SegmentSpeech
from gptsovits_ros.types import REQUEST_BOUNDS, AudioChunk, Mark, Segment, SpeechRequest

log = logging.getLogger(__name__)


def spoken_segment(speech: SegmentSpeech) -> Generator[AudioChunk, None, None]:
    """Yield the audio of one segment, and its pause."""
    start = time.monotonic()
    sample_rate = speech.voice.acoustic.sample_rate
    first_s, samples_made = 0.0, 0
    marks = speech.marks()
    with closing(speech.pieces()) as pieces:
        for piece in pieces:
            first_s = first_s or time.monotonic() - start
            samples_made += len(piece.wave)
            found: tuple[Mark, ...] = ()
            if marks is not None:
                duration_s = len(piece.wave) / sample_rate
                found = marks.of_piece(piece.tokens, piece.made, piece.is_end, duration_s)
            # Pieces of a stream are within [-1, 1] as they come; only whole segments exceed it.
            samples = limit_peak(piece.wave)
            if piece.is_end:
                samples = np.concatenate([samples, silence(speech.request.pause_s, sample_rate)])
            if piece.report:
                log.info('segment %d of the text: %s', speech.index, ', '.join(piece.report))
            yield AudioChunk(
                samples,
                sample_rate,
                speech.index,
                speech.phonemes.text,
                piece.is_end,
                piece.report,
                found,
            )
    log.debug(
        'segment of %d phonemes: first sound after %.3f s, all %.2f s after %.3f s',
        len(speech.phonemes.ids),
        first_s,
        samples_made / sample_rate,
        time.monotonic() - start,
    )


def as_marked(request: SpeechRequest, segment: Segment) -> SpeechRequest:
    """Return a request with the pause and the rate that marks in the text ask for."""
    slowest, fastest = REQUEST_BOUNDS['speed']
    speed = min(max(request.speed * segment.rate, slowest), fastest)
    pause_s = request.pause_s if segment.pause_s is None else segment.pause_s
    return replace(request, speed=speed, pause_s=pause_s)


def watermarked(chunk: AudioChunk, mark: Callable[[np.ndarray, int], np.ndarray]) -> AudioChunk:
    """Return a chunk with the mark, which may lift a peak above 1."""
    return replace(chunk, samples=mark(chunk.samples, chunk.sample_rate).clip(-1.0, 1.0))
