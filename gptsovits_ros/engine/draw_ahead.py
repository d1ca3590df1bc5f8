"""The token loop on a core of its own, while another makes the sound of what was drawn before.

torch lets go of Python's lock inside its operators, so a thread is enough. The tokens are the same
and come in the same order, and where pieces of sound end depends on their number alone: so the
audio is that of a token loop and a decoder that take turns.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType

import torch

from gptsovits_ros.engine.chunk_plan import LARGEST_TOKENS
from gptsovits_ros.errors import CanceledError

# Tokens that may wait to be taken. While a piece is made, those of the next one are drawn, and for
# them there is room; many more would be drawn for nothing where the speech is cancelled.
WAITING_TOKENS = 2 * LARGEST_TOKENS


def drawn_ahead(
    tokens: Iterator[int], threads: int, cancelled: Callable[[], bool]
) -> Iterator[int]:
    """Yield tokens while a thread goes on to draw those that follow.

    The first is drawn by the caller, with all threads of torch, since there is nothing to decode
    before it. Then the token loop has half of them, and the caller has the others until the last
    token was taken. Close it where it is not read to its end: then the thread has ended, too.

    Args:
        tokens: draws them; read by one thread at a time.
        threads: CPU threads of torch in the caller's thread, at least 2.
        cancelled: asked after each token, by the caller's thread alone, so that it tells of the
            progress of both.

    Raises:
        CanceledError: cancelled() said yes.
        Exception: what `tokens` raised, after the tokens before it.

    """
    token = _wanted(next(tokens, None), cancelled)
    if token is None:
        return
    torch.set_num_threads(threads - threads // 2)
    try:
        with _Drawing(tokens, threads // 2) as drawing:
            while token is not None:
                yield token
                token = _wanted(drawing.take(), cancelled)
    finally:
        torch.set_num_threads(threads)


def _wanted(token: int | None, cancelled: Callable[[], bool]) -> int | None:
    if cancelled():
        raise CanceledError('the utterance was cancelled')
    return token


class _Drawing:
    """A thread that draws tokens, and those of them that wait; a context manager that ends it."""

    def __init__(self, tokens: Iterator[int], threads: int) -> None:
        """Take what draws them, and how many threads of torch that has."""
        self._thread = threading.Thread(
            target=self._draw, args=(tokens, threads), name='token loop', daemon=True
        )
        self._changed = threading.Condition()
        self._waiting: deque[int] = deque()
        self._is_wanted = True
        self._has_ended = False
        self._failure: BaseException | None = None

    def __enter__(self) -> _Drawing:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait until the thread has ended, at the latest with the token that it draws."""
        with self._changed:
            self._is_wanted = False
            self._changed.notify_all()
        self._thread.join()
        self._failure = None  # its traceback holds this object, and the cache of the GPT

    def take(self) -> int | None:
        """Wait for the next token; None after the last. Raises what drawing it has raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._has_ended)
            if self._waiting:
                self._changed.notify_all()
                return self._waiting.popleft()
        if self._failure is not None:
            raise self._failure
        return None

    def _draw(self, tokens: Iterator[int], threads: int) -> None:
        torch.set_num_threads(threads)  # of this thread; what it was elsewhere stays
        try:
            for token in tokens:
                if not self._put(token):
                    break
        except BaseException as error:  # whatever it is, the one who waits for tokens gets it
            self._failure = error
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _put(self, token: int) -> bool:
        """Wait for room and add a token; False if no more are wanted."""
        with self._changed:
            self._changed.wait_for(
                lambda: len(self._waiting) < WAITING_TOKENS or not self._is_wanted
            )
            self._waiting.append(token)
            self._changed.notify_all()
            return self._is_wanted
