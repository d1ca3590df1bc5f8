"""A token loop beside its reader: the same tokens, bounded, and gone when nobody wants more."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator

import pytest

from gptsovits_ros.engine import draw_ahead
from gptsovits_ros.engine.draw_ahead import WAITING_TOKENS, drawn_ahead
from gptsovits_ros.errors import CanceledError, OutOfMemoryError
from gptsovits_ros.semantic.generate import never

PATIENCE_S = 10.0
MANY = 4 * WAITING_TOKENS


class Loop:
    """A token loop that counts.

    Attributes:
        drawn: tokens so far.
        threads: names of the threads that drew them.

    """

    def __init__(self, length: int, error: BaseException | None = None) -> None:
        self.drawn = 0
        self.threads: set[str] = set()
        self._length = length
        self._error = error
        self._changed = threading.Condition()

    def tokens(self) -> Iterator[int]:
        """Yield 0, 1, 2 ..., then raise the error, if there is one."""
        for token in range(self._length):
            with self._changed:
                self.drawn += 1
                self.threads.add(threading.current_thread().name)
                self._changed.notify_all()
            yield token
        if self._error is not None:
            raise self._error

    def wait_for(self, drawn: int) -> None:
        """Wait until so many tokens were drawn."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.drawn >= drawn, PATIENCE_S)


@pytest.fixture(autouse=True)
def torch_threads(monkeypatch) -> Iterator[list[tuple[str, int]]]:
    """Return which thread asked torch for how many; none is left after the test but our own."""
    asked: list[tuple[str, int]] = []
    here = threading.current_thread()

    def ask(count: int) -> None:
        thread = threading.current_thread()
        asked.append(('caller' if thread is here else thread.name, count))

    monkeypatch.setattr(draw_ahead.torch, 'set_num_threads', ask)
    yield asked
    assert 'token loop' not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize('length', [0, 1, 2, 12, MANY])
def test_the_tokens_are_the_same_and_in_order(length):
    loop = Loop(length)
    assert list(drawn_ahead(loop.tokens(), 2, never)) == list(range(length))
    assert loop.drawn == length


@pytest.mark.parametrize(('threads', 'rest', 'half'), [(2, 1, 1), (3, 2, 1), (4, 2, 2)])
def test_the_threads_are_shared_until_the_last_token(torch_threads, threads, rest, half):
    assert list(drawn_ahead(Loop(5).tokens(), threads, never)) == list(range(5))
    assert torch_threads == [('caller', rest), ('token loop', half), ('caller', threads)]


def test_tokens_are_drawn_while_the_reader_is_busy_but_not_without_end():
    loop = Loop(MANY)
    reader = drawn_ahead(loop.tokens(), 2, never)
    for taken, token in enumerate(reader, 1):
        assert token == taken - 1
        # One that was drawn waits for room.
        assert loop.drawn <= taken + WAITING_TOKENS + 1
        if taken in (1, 20):
            loop.wait_for(taken + WAITING_TOKENS + 1)
    assert loop.threads == {threading.current_thread().name, 'token loop'}


@pytest.mark.parametrize('taken', [1, 2, 30])
@pytest.mark.parametrize('is_full', [False, True])
def test_closing_ends_the_loop(taken, is_full):
    loop = Loop(10**9)
    reader = drawn_ahead(loop.tokens(), 2, never)
    for _ in range(taken):
        next(reader)
    if is_full:
        loop.wait_for(taken + WAITING_TOKENS + 1)
    reader.close()
    drawn = loop.drawn
    assert 'token loop' not in {thread.name for thread in threading.enumerate()}
    assert list(reader) == []
    assert loop.drawn == drawn


def test_a_reader_that_was_never_read_has_no_thread():
    loop = Loop(5)
    drawn_ahead(loop.tokens(), 2, never).close()
    assert loop.drawn == 0


@pytest.mark.parametrize('length', [0, 1, 30, MANY])
@pytest.mark.parametrize('error', [OutOfMemoryError('full'), CanceledError('no'), SystemExit(3)])
def test_what_the_loop_raises_comes_after_the_tokens_before_it(torch_threads, length, error):
    seen = []
    with pytest.raises(type(error)) as caught:
        for token in drawn_ahead(Loop(length, error).tokens(), 4, never):
            seen.append(token)
    assert caught.value is error
    assert seen == list(range(length))
    assert torch_threads[-1:] == ([('caller', 4)] if length else [])


@pytest.mark.parametrize('is_read', [True, False])
def test_nothing_holds_what_a_failed_loop_held(is_read):
    class Cache:
        pass

    def tokens():
        cache = Cache()
        alive.append(weakref.ref(cache))
        yield 0
        raised.set()
        raise ValueError('spoilt')

    alive: list[weakref.ref] = []
    raised = threading.Event()
    reader = drawn_ahead(tokens(), 2, never)
    next(reader)
    assert raised.wait(PATIENCE_S)
    if is_read:
        with pytest.raises(ValueError, match='spoilt'):
            next(reader)
    else:
        reader.close()
    del reader
    assert alive[0]() is None


@pytest.mark.parametrize('after', [0, 1, 2, 40])
def test_cancel_is_asked_for_each_token_by_the_reader_alone_and_ends_the_loop(after):
    askers = []

    def cancelled() -> bool:
        askers.append(threading.current_thread())
        return len(askers) > after

    loop = Loop(10**9)
    reader = drawn_ahead(loop.tokens(), 2, cancelled)
    for number in range(after):
        assert next(reader) == number
    if after:
        # A reader that is busy, or waits for its listener, tells of no progress.
        loop.wait_for(after + WAITING_TOKENS + 1)
        assert len(askers) == after
    with pytest.raises(CanceledError):
        next(reader)
    assert set(askers) == {threading.current_thread()}
    assert 'token loop' not in {thread.name for thread in threading.enumerate()}


def test_cancel_is_asked_once_more_when_the_tokens_are_at_their_end():
    asked = []
    list(drawn_ahead(Loop(3).tokens(), 2, lambda: bool(asked.append(0))))
    assert len(asked) == 4
