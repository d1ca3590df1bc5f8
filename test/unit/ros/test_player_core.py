"""What the player does with audio: a fake clock, and blocks taken as a device takes them."""

from __future__ import annotations

import numpy as np
import pytest

from gptsovits_ros.errors import DependencyMissingError
from gptsovits_ros.ros import player_buffer
from gptsovits_ros.ros.player_core import GAP_S, MAX_BUFFER_S, PlayerCore
from gptsovits_ros.ros.player_timeline import FADE_S

RATE = 1000  # one sample is a millisecond
BLOCK = 5
FADE = round(FADE_S * RATE)
LEVEL = 16384
S = 1_000_000_000


class Player:
    """A core with a clock of its own, and the device that takes its blocks."""

    def __init__(self, rate: int = RATE, latency_s: float = 0.0, **options) -> None:
        self.now = 100.0
        self.heard: list[np.ndarray] = []
        self.changes = 0
        self.latency_s = latency_s
        self.core = PlayerCore(clock=lambda: self.now, on_change=self._changed, **options)
        self.rate = rate
        self.core.open(rate)

    def _changed(self) -> None:
        self.changes += 1

    def push(self, count: int, stamp_s: float = 0.0, level: int = LEVEL, rate: int = RATE) -> bool:
        return self.core.push(np.full(count, level, np.int16), rate, round(stamp_s * S))

    def play(self, blocks: int = 1, frames: int = BLOCK) -> np.ndarray:
        """Take blocks in real time; return them, and leave the clock at the end of the last."""
        taken = []
        for _ in range(blocks):
            taken.append(self.core.render(frames, self.now + self.latency_s))
            self.now += frames / self.rate
        self.heard += taken
        return np.concatenate(taken)

    @property
    def report(self):
        return self.core.report(self.now)


@pytest.fixture
def player() -> Player:
    return Player()


def largest_step(samples: np.ndarray) -> float:
    """Return the largest jump between neighbours, silence before and after included."""
    return float(np.abs(np.diff(np.pad(samples.astype(float), 1))).max())


def test_without_audio_there_is_silence(player):
    assert not player.play(3).any()
    report = player.report
    assert (report.playing, report.chunk_stamp_ns, report.played_samples) == (False, 0, 0)
    assert report.audio_stamp_ns == 0 and report.next_change_s is None


def test_every_sample_is_played_once_and_in_order():
    player = Player()
    samples = np.arange(1000, 1100, dtype=np.int16)
    for start in range(0, 100, 30):
        player.core.push(samples[start : start + 30], RATE, S)
    heard = player.play(21)
    assert heard[FADE : 100 - FADE].tolist() == samples[FADE : 100 - FADE].tolist()
    assert not heard[100:].any()


def test_position_follows_the_sample_that_is_heard(player):
    player.push(20, stamp_s=7.0)
    player.push(20, stamp_s=7.020)
    player.play(2)
    report = player.report
    assert report.playing
    assert (report.chunk_stamp_ns, report.chunk_samples) == (7 * S, 10)
    assert report.audio_stamp_ns == 7 * S + 10_000_000
    assert report.next_change_s is None
    player.play(2)
    report = player.report
    assert (report.chunk_stamp_ns, report.chunk_samples) == (7 * S, 20)
    player.play(1)
    report = player.report
    assert (report.chunk_stamp_ns, report.chunk_samples) == (round(7.02 * S), 5)
    assert (report.played_samples, report.received_samples) == (25, 40)
    assert report.buffered_s == pytest.approx(0.015)


def test_position_moves_between_blocks_too(player):
    player.push(40, stamp_s=7.0)
    player.core.render(BLOCK, player.now)
    positions = []
    for _ in range(7):
        positions.append(player.report.chunk_samples)
        player.now += 0.001
    assert positions == [0, 1, 2, 3, 4, 5, 5] or positions == [0, 0, 1, 2, 3, 4, 5]


def test_latency_of_the_device_is_taken_off():
    player = Player(latency_s=0.030)
    player.push(100, stamp_s=7.0)
    player.play(2)
    report = player.report
    assert not report.playing and report.played_samples == 0
    assert report.next_change_s == pytest.approx(100.030)
    player.play(6)
    assert player.report.chunk_samples == pytest.approx(10, abs=1)
    assert player.report.playing


def test_beginning_and_end_are_told(player):
    player.push(22)
    changes = []
    for _ in range(7):
        before = player.changes
        player.play(1)
        changes.append(player.changes - before)
    assert changes == [1, 0, 0, 0, 1, 0, 0]


def test_blocks_whose_times_jitter_are_heard_without_a_gap():
    player = Player(latency_s=0.020)
    player.push(1000, stamp_s=7.0)
    random = np.random.default_rng(5)
    last = -1
    for block in range(100):
        due = 100.020 + block * BLOCK / RATE
        player.core.render(BLOCK, due + float(random.uniform(-0.003, 0.003)))
        for _ in range(BLOCK):
            player.now += 0.001
            report = player.report
            assert report.playing or player.now < 100.024
            assert last <= report.chunk_samples <= (block + 1) * BLOCK
            last = max(last, report.chunk_samples)
            if report.playing:
                expected = (player.now - 100.020) * RATE
                assert report.chunk_samples == pytest.approx(expected, abs=5)


def test_block_that_is_heard_late_is_not_counted_beyond_its_end():
    player = Player(latency_s=0.020)
    player.push(100, stamp_s=7.0)
    player.core.render(BLOCK, 100.020)
    player.core.render(BLOCK, 100.065)  # 40 ms late
    player.now = 100.0299
    assert player.report.chunk_samples == BLOCK


def test_sound_after_a_short_silence_begins_when_the_device_says():
    player = Player(latency_s=0.030)
    player.push(10, stamp_s=7.0)
    player.play(3)
    player.now += 0.015
    player.push(100, stamp_s=8.0)
    start = player.now + 0.030
    player.play(1)
    player.now = start - 0.001
    assert not player.report.playing
    player.now = start + 0.003
    assert (player.report.chunk_stamp_ns, player.report.chunk_samples) == (8 * S, 3)


def test_last_sample_is_told_after_the_end(player):
    player.push(20, stamp_s=7.0)
    player.play(10)
    report = player.report
    assert not report.playing and report.audio_stamp_ns == 0
    assert (report.chunk_stamp_ns, report.chunk_samples, report.played_samples) == (7 * S, 20, 20)
    assert report.buffered_s == 0.0


def test_end_of_sound_is_foretold_to_its_time():
    player = Player(latency_s=0.030)
    player.push(20, stamp_s=7.0)
    player.play(8)
    assert player.report.playing
    assert player.report.next_change_s == pytest.approx(100.050, abs=1e-6)


def test_a_device_that_is_late_for_its_block_makes_no_silence(player):
    player.push(100)
    player.play(2)
    player.now += 0.004
    assert player.report.playing


# The jitter buffer.


def test_sound_begins_once_there_is_enough_audio(player):
    player.core.set_buffer(0.040)
    player.push(30)
    assert not player.play(2).any()
    player.push(30)
    assert player.play(1).any()


def test_sound_begins_when_the_wait_is_over_even_with_less(player):
    player.core.set_buffer(0.040)
    player.push(30)
    assert not player.play(7).any()
    assert player.play(3).any()


def test_audio_can_be_waited_for(player):
    assert not player.core.wait_for_audio(0)
    player.push(10)
    assert player.core.wait_for_audio(0)
    player.play(4)
    assert not player.core.wait_for_audio(0)


# Fades.


def test_start_and_end_are_faded(player):
    player.push(50)
    heard = player.play(12)
    assert largest_step(heard) <= LEVEL / FADE + 1
    assert heard.max() == LEVEL


@pytest.mark.parametrize('count', [1, 2, 3, BLOCK, BLOCK + 1, FADE * 2])
def test_short_audio_makes_no_jump_either(player, count):
    player.push(count)
    assert largest_step(player.play(4)) <= LEVEL / FADE + 1
    assert player.report.played_samples == count


def test_audio_that_runs_dry_fades_out_and_in_again(player):
    player.push(33)
    heard = [player.play(10)]
    player.push(50)
    heard.append(player.play(12))
    heard = np.concatenate(heard)
    assert largest_step(heard) <= LEVEL / FADE + 1
    assert not heard[33:50].any() and heard[55:90].max() == LEVEL


# Underruns.


def test_gap_in_the_middle_of_sound_is_an_underrun(player):
    player.push(30)
    player.play(10)
    assert player.report.underruns == 0
    player.push(30)
    player.play(1)
    assert player.report.underruns == 1


def test_pause_is_no_underrun(player):
    player.push(30)
    player.push(20, level=0)
    player.play(14)
    player.push(30)
    player.play(1)
    assert player.report.underruns == 0


def test_next_utterance_is_no_underrun(player):
    player.push(30)
    player.play(10)
    player.now += GAP_S
    player.push(30)
    player.play(1)
    assert player.report.underruns == 0


def test_gap_after_a_flush_is_no_underrun(player):
    player.push(100)
    player.play(4)
    player.core.flush()
    player.play(4)
    player.push(100)
    player.play(2)
    assert player.report.underruns == 0


# Flush.


def test_flush_is_silent_after_the_fade(player):
    player.push(1000, stamp_s=7.0)
    before = player.play(10)
    changes = player.changes
    player.core.flush()
    after = player.play(4)
    assert player.changes > changes
    assert largest_step(np.concatenate((before[:-1], after))) <= LEVEL / FADE + 1
    assert after[: FADE - 1].all() and not after[FADE:].any()
    report = player.report
    assert (report.playing, report.flushes) == (False, 1)
    assert (report.chunk_stamp_ns, report.chunk_samples) == (7 * S, 50 + FADE)
    assert (report.played_samples, report.dropped_samples) == (50 + FADE, 1000 - 50 - FADE)
    assert report.buffered_s == 0.0


def test_audio_that_comes_while_it_fades_out_begins_in_silence(player):
    player.push(1000, stamp_s=7.0)
    before = player.play(10)
    player.core.flush()
    player.push(100, stamp_s=9.0)
    after = player.play(25)
    assert largest_step(np.concatenate((before, after))) <= LEVEL / FADE + 1
    assert after[FADE - 1] == LEVEL // FADE and after[FADE] == 0
    assert after[FADE:].tolist().count(LEVEL) == pytest.approx(100 - 2 * FADE, abs=3)
    assert player.report.chunk_stamp_ns == 9 * S
    assert player.report.played_samples == 50 + FADE + 100


def test_flush_twice_drops_what_came_between(player):
    player.push(1000, stamp_s=7.0)
    player.play(10)
    player.core.flush()
    player.push(100, stamp_s=9.0)
    player.core.flush()
    player.play(10)
    report = player.report
    assert (report.chunk_stamp_ns, report.played_samples) == (7 * S, 50 + FADE)
    assert report.received_samples == report.played_samples + report.dropped_samples


def test_flush_in_the_middle_of_the_fade_ends_with_the_fade(player):
    player.push(1000, stamp_s=7.0)
    player.play(10)
    player.core.flush()
    player.play(1, frames=FADE // 2)
    player.push(100, stamp_s=9.0)
    player.core.flush()
    rest = player.play(1, frames=10)
    assert np.count_nonzero(rest) == FADE - FADE // 2
    report = player.report
    assert (report.chunk_stamp_ns, report.played_samples) == (7 * S, 50 + FADE)
    assert report.dropped_samples == 1000 - 50 - FADE + 100


def test_flush_drops_audio_of_every_format(player):
    player.push(50, stamp_s=7.0)
    player.push(100, stamp_s=8.0, rate=2 * RATE)
    player.play(2)
    player.core.flush()
    player.play(2)
    report = player.report
    assert (report.played_samples, report.dropped_samples) == (10 + FADE, 40 - FADE + 100)


def test_flush_before_sound_drops_everything(player):
    player.core.set_buffer(0.100)
    player.push(50)
    player.play(2)
    player.core.flush()
    assert not player.play(30).any()
    report = player.report
    assert (report.dropped_samples, report.played_samples, report.flushes) == (50, 0, 1)


def test_flush_of_silence_is_told_and_changes_nothing(player):
    player.core.flush()
    assert player.report.flushes == 1
    player.push(10)
    assert player.play(3).any()


# Volume.


@pytest.mark.parametrize('volume', [0.0, 0.25, 1.0])
def test_samples_are_multiplied_by_the_volume(player, volume):
    player.core.set_volume(volume)
    player.push(50)
    assert player.play(10)[20] == round(LEVEL * volume)


def test_volume_moves_without_a_jump(player):
    player.push(200)
    player.play(4)
    player.core.set_volume(0.0)
    down = player.play(4)
    player.core.set_volume(0.5)
    up = player.play(4)
    steps = np.abs(np.diff(np.concatenate((down, up)).astype(float)))
    assert steps.max() <= LEVEL / FADE + 1
    assert (down[-1], up[-1]) == (0, LEVEL // 2)


def test_muted_audio_counts_as_played(player):
    player.core.set_volume(0.0)
    player.push(20)
    assert not player.play(6).any()
    assert player.report.played_samples == 20


def test_sound_is_told_after_the_volume_and_with_its_time():
    sounds = []
    player = Player(latency_s=0.030, on_sound=lambda *sound: sounds.append(sound))
    player.core.set_volume(0.5)
    player.push(8)
    heard = player.play(3)
    assert [when for when, _, _ in sounds] == pytest.approx([100.030, 100.035])
    assert np.concatenate([samples for _, samples, _ in sounds]).tolist() == heard[:8].tolist()
    assert {rate for _, _, rate in sounds} == {RATE}


# Rates.


def test_other_rate_is_resampled_and_counted_in_its_own_samples():
    player = Player(rate=48000)
    time = np.arange(32000) / 32000
    tone = (10000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    for start in range(0, 32000, 3200):
        player.core.push(tone[start : start + 3200], 32000, S + start * S // 32000)
    heard = player.play(201, frames=240)
    expected = 10000 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    inner = slice(1000, 47000)
    assert np.abs(heard[:48000][inner] - expected[inner]).max() < 30
    assert not heard[48010:].any()
    report = player.report
    assert (report.played_samples, report.sample_rate) == (32000, 32000)
    assert (report.chunk_stamp_ns, report.chunk_samples) == (round(1.9 * S), 3200)


@pytest.mark.parametrize('rate, count', [(44100, 3201), (48000, 7), (16000, 331), (8000, 4001)])
def test_all_samples_count_as_played_at_the_end_whatever_the_rate(rate, count):
    player = Player(rate=rate)
    player.push(count, stamp_s=7.0, rate=32000)
    player.play(40, frames=240)
    report = player.report
    assert (report.chunk_samples, report.played_samples, report.buffered_s) == (count, count, 0)


def test_position_in_resampled_audio_is_exact_to_a_sample():
    player = Player(rate=48000)
    for index in range(10):
        player.push(3200, stamp_s=1 + index / 10, rate=32000)
    player.play(60, frames=240)  # 0.3 s
    report = player.report
    assert report.played_samples == pytest.approx(9600, abs=1)
    assert report.audio_stamp_ns == pytest.approx(1.3 * S, abs=S / 16000)


def test_format_can_change_in_the_middle(player):
    player.push(50, stamp_s=7.0)
    player.push(100, stamp_s=8.0, rate=2 * RATE)
    heard = player.play(25)
    assert np.count_nonzero(heard) == pytest.approx(100, abs=2)
    report = player.report
    assert (report.chunk_stamp_ns, report.chunk_samples) == (8 * S, 100)
    assert (report.sample_rate, report.played_samples) == (2 * RATE, 150)


def test_flush_of_resampled_audio_counts_what_was_held_back():
    player = Player(rate=48000)
    player.push(32000, rate=32000)
    player.play(20, frames=240)
    player.core.flush()
    player.play(5, frames=240)
    report = player.report
    assert report.played_samples == pytest.approx(3200 + FADE_S * 32000, abs=1)
    assert report.dropped_samples == 32000 - report.played_samples


def test_missing_resampler_is_told_and_the_audio_counts_as_dropped(monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'soxr', None)
    player = Player(rate=48000)
    with pytest.raises(DependencyMissingError, match='pip install soxr'):
        player.push(100, rate=32000)
    assert player.report.dropped_samples == 100
    assert player.push(100, rate=48000)


def test_equal_rates_need_no_resampler():
    assert isinstance(player_buffer.make_resampler(32000, 32000), player_buffer.SameRate)


# Devices come and go.


def test_audio_waits_for_the_first_device():
    core = PlayerCore(clock=lambda: 0.0)
    core.push(np.full(50, LEVEL, np.int16), RATE, S)
    assert not core.render(10, 0.0).any()
    core.open(RATE)
    assert core.render(10, 0.0).any()


def test_without_a_device_audio_is_dropped_and_nothing_old_is_played_later(player):
    player.push(100)
    player.play(2)
    player.core.refuse()
    assert not player.push(100)
    player.core.open(RATE)
    assert not player.play(30).any()
    player.push(50)
    assert player.play(3).any()
    report = player.report
    assert (report.received_samples, report.dropped_samples) == (250, 190)


def test_device_is_not_changed_while_there_is_sound(player):
    player.push(50)
    assert not player.core.hold()
    player.play(2)
    assert not player.core.hold()
    player.play(10)
    assert player.core.hold()
    assert not player.play(1).any()
    player.push(50, rate=2 * RATE)
    player.rate = 2 * RATE
    player.core.open(2 * RATE)
    assert np.count_nonzero(player.play(20)) == 50


def test_device_is_not_changed_before_all_was_heard():
    player = Player(latency_s=0.030)
    player.push(10)
    player.play(3)
    assert not player.core.hold()
    player.now += 0.030
    assert player.core.hold()


def test_more_than_any_lead_is_dropped(player):
    assert player.push(round(MAX_BUFFER_S * RATE) + 1)
    assert not player.push(10)
    assert player.report.dropped_samples == 10


def test_empty_message_is_nothing(player):
    assert player.push(0)
    assert not player.core.wait_for_audio(0)
    assert player.report.received_samples == 0


def test_counts_agree_at_any_moment():
    """received = played + dropped + buffered, and the position never goes back."""
    random = np.random.default_rng(5)
    player = Player(latency_s=0.012)
    last = 0
    for step in range(3000):
        action = random.integers(0, 40)
        if action < 6:
            player.push(int(random.integers(1, 60)), stamp_s=1.0 + step)
        elif action == 6:
            player.core.flush()
        elif action == 7:
            player.core.set_volume(float(random.random()))
        player.play(frames=int(random.integers(1, 12)))
        report = player.report
        buffered = round(report.buffered_s * RATE)
        assert report.received_samples == report.played_samples + report.dropped_samples + buffered
        assert report.played_samples >= last
        last = report.played_samples
    # A fade and a change of the volume may fall together.
    assert largest_step(np.concatenate(player.heard)) <= 2 * LEVEL / FADE + 2
    assert last > 3000
