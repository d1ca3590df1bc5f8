#!/usr/bin/env python3
"""One sentence from the topic `say` to a WAV file, with real processes: `make demo`.

Starts the speech node (which starts the engine), publishes a text on /say from this process,
records /audio, writes a WAV file and prints what took how long. It speaks in the default one of
the voices that came with the package, and where none came, in a stand-in that babbles. Uses a ROS
domain of its own, on this machine only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gptsovits_ros.voice.bundled import BundledVoices

REPO = Path(__file__).resolve().parent.parent
STAND_IN = REPO / '.work' / 'demo' / 'voices' / 'stand-in'
NODE_LOG = REPO / '.work' / 'demo' / 'speech_node.log'
TEXT = 'Hello, I am a robot. 你好，很高兴见到你。'
# Whoever hears a voice that speaks well must hear as well that nobody speaks.
BUNDLED_TEXT = (
    'Hello! This voice is synthetic: it was made by a computer, on this machine. '
    '你好！这是一个合成的声音。'
)
READY_TIMEOUT_S = 180.0
SPEECH_TIMEOUT_S = 300.0
LEAD_MS = 60000


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class DemoVoice:
    """Who speaks, and what.

    Attributes:
        voice_root: where the node looks for voices, besides those that came with the package.
        name: of the voice.
        text: what it says where nothing else is asked for.
        is_stand_in: whether it has random weights, so that it babbles.

    """

    voice_root: Path
    name: str
    text: str
    is_stand_in: bool = False


@dataclass
class Recording:
    """What was heard, with times of arrival [s, monotonic clock].

    Attributes:
        audio: bytes S16LE of every message.
        first_audio: arrival of the first message; None before.
        last_audio: arrival of the latest message; None before.
        sample_rate: from audio_info [Hz]; 0 before.
        states: messages of speech_state.

    """

    audio: bytearray = field(default_factory=bytearray)
    first_audio: float | None = None
    last_audio: float | None = None
    sample_rate: int = 0
    states: list = field(default_factory=list)

    def on_audio(self, message) -> None:
        """Take audio."""
        self.last_audio = time.monotonic()
        self.first_audio = self.first_audio or self.last_audio
        self.audio += message.data.tobytes()

    def on_info(self, message) -> None:
        """Take the format of the audio."""
        self.sample_rate = message.sample_rate

    @property
    def duration_s(self) -> float:
        """Length of the audio [s]."""
        return len(self.audio) / 2 / self.sample_rate


def main() -> int:
    """Run the demo; return the exit code."""
    options = parse_arguments()
    try:
        run(options)
    except DemoError as error:
        print(f'demo failed: {error}', file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--text', default='', help='what to say (default: a greeting)')
    parser.add_argument('--out', type=Path, default=Path('demo.wav'), help='WAV file to write')
    parser.add_argument(
        '--voice-dir',
        type=Path,
        help='folder of a voice (default: one that came with the package; where none did, a '
        'stand-in with random weights, which babbles)',
    )
    parser.add_argument(
        '--set-up',
        type=Path,
        metavar='VENV',
        help='environment whose making is reported too (`make demo` gives it)',
    )
    return parser.parse_args()


def run(options: argparse.Namespace) -> None:
    """Do it and print the timeline."""
    if options.set_up:
        report('set-up', set_up_seconds(options.set_up), f'{options.set_up}, made once')
    start = time.monotonic()
    voice = choose_voice(options.voice_dir, BundledVoices().default)
    is_made = voice.is_stand_in and make_stand_in()
    report('voice', time.monotonic() - start, f'{voice.name}, {"made" if is_made else "found"}')

    # Set before rclpy is imported; other robots in the network neither hear this nor speak here.
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 101)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    with start_node(voice) as node:
        try:
            recording = listen_and_say(node, options.text or voice.text)
        finally:
            stop_node(node)
    if node.returncode != 0:
        raise DemoError(f'the node ended with exit code {node.returncode}; see {NODE_LOG}')
    write_wav(options.out, recording)
    report('everything', time.monotonic() - start, f'wrote {options.out}')
    if voice.is_stand_in:
        print(
            'The stand-in voice has random weights: it babbles. Everything else is real.\n'
            'Give a trained voice with --voice-dir to hear speech.'
        )
    elif options.voice_dir is None:
        print('How well this voice is understood, and what it is made of: docs/bundled-voices.md')


def choose_voice(folder: Path | None, bundled_default: str) -> DemoVoice:
    """Return the voice that speaks.

    Args:
        folder: of a voice that was asked for.
        bundled_default: name of the voice that came with the package; empty: none came.

    Raises:
        DemoError: the folder is no voice.

    """
    if folder is not None:
        if not (folder / 'voice.yaml').is_file():
            raise DemoError(f'{folder} is no voice: it has no voice.yaml')
        return DemoVoice(folder.resolve().parent, folder.resolve().name, TEXT)
    if bundled_default:
        # Not in the voice root of this user, where a voice of that name would hide it.
        return DemoVoice(STAND_IN.parent, bundled_default, BUNDLED_TEXT)
    return DemoVoice(STAND_IN.parent, STAND_IN.name, TEXT, is_stand_in=True)


def make_stand_in() -> bool:
    """Make the stand-in voice if it is not there; return whether it was made."""
    if (STAND_IN / 'voice.yaml').is_file():
        return False
    command = [sys.executable, '-m', 'gptsovits_ros.cli', 'make-test-voice', str(STAND_IN)]
    made = subprocess.run([*command, '--size', 'tiny'], capture_output=True, text=True)
    if made.returncode != 0:
        raise DemoError(f'making the stand-in voice failed: {made.stderr.strip()[-500:]}')
    return True


def start_node(voice: DemoVoice) -> subprocess.Popen:
    """Start the speech node with a voice."""
    parameters = {
        'engine.voice_root': voice.voice_root,
        'voice': voice.name,
        # Sent as fast as it is made, so that the times below are those of the models.
        'stream.lead_ms': LEAD_MS,
    }
    command = [sys.executable, '-m', 'gptsovits_ros.ros.speech_node', '--ros-args']
    for name, value in parameters.items():
        command += ['-p', f'{name}:={value}']
    NODE_LOG.parent.mkdir(parents=True, exist_ok=True)
    with NODE_LOG.open('wb') as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def stop_node(node: subprocess.Popen) -> None:
    """End the node, and with it the engine."""
    node.terminate()
    try:
        node.wait(10)
    except subprocess.TimeoutExpired:
        node.kill()


def listen_and_say(node: subprocess.Popen, text: str) -> Recording:
    """Publish the text on /say once the node is ready; return what came back."""
    import rclpy
    from audio_common_msgs.msg import AudioData, AudioInfo
    from gptsovits_ros.msg import SpeechState
    from rclpy.qos import DurabilityPolicy, QoSProfile
    from std_msgs.msg import String

    recording = Recording()
    latched = QoSProfile(depth=20, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    start = time.monotonic()
    with rclpy.init():
        listener = rclpy.create_node('demo')
        listener.create_subscription(AudioData, 'audio', recording.on_audio, 200)
        listener.create_subscription(AudioInfo, 'audio_info', recording.on_info, latched)
        listener.create_subscription(SpeechState, 'speech_state', recording.states.append, latched)
        say = listener.create_publisher(String, 'say', 10)

        def spin_until(condition: Callable[[], bool], what: str, timeout_s: float) -> None:
            deadline = time.monotonic() + timeout_s
            while not condition():
                rclpy.spin_once(listener, timeout_sec=0.05)
                check_states(recording.states)
                if node.poll() is not None:
                    raise DemoError(f'the node ended before {what}; see {NODE_LOG}')
                if time.monotonic() > deadline:
                    raise DemoError(f'no {what} within {timeout_s:g} s; see {NODE_LOG}')

        spin_until(
            lambda: (
                recording.sample_rate > 0
                and say.get_subscription_count() > 0
                and recording.states[-1].state == SpeechState.IDLE
            ),
            'ready node',
            READY_TIMEOUT_S,
        )
        report('node and models', time.monotonic() - start, 'processes started, voice loaded')

        said = time.monotonic()
        say.publish(String(data=text))
        spin_until(
            lambda: any(m.state == SpeechState.FINISHED for m in recording.states),
            'end of the speech',
            SPEECH_TIMEOUT_S,
        )
        listener.destroy_node()
    report_speech(recording, said)
    return recording


def check_states(states: list) -> None:
    """Raise if the node told that it will not speak."""
    for message in states:
        if message.state in (message.REFUSED, message.FAILED):
            raise DemoError(f'the text was not spoken: {message.error_msg}')
    if states and states[-1].state == states[-1].UNAVAILABLE and 'failed' in states[-1].error_msg:
        raise DemoError(states[-1].error_msg)


def report_speech(recording: Recording, said: float) -> None:
    """Print how quickly the text became audio."""
    if recording.first_audio is None or recording.last_audio is None:
        raise DemoError(f'the speech held no audio; see {NODE_LOG}')
    length = recording.duration_s
    report('first audio', recording.first_audio - said, 'from /say to the first message')
    note = f'for {length:.2f} s of audio at {recording.sample_rate} Hz'
    taken = recording.last_audio - said
    if length <= LEAD_MS / 1000:
        note += f', real-time factor {taken / length:.2f}'
    report('last audio', taken, note)


def write_wav(path: Path, recording: Recording) -> None:
    """Write the recording."""
    try:
        with wave.open(str(path), 'wb') as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(recording.sample_rate)
            file.writeframes(recording.audio)
    except OSError as error:
        raise DemoError(f'cannot write {path}: {error}') from error


def set_up_seconds(environment: Path) -> int:
    """Return how long `make` took to set up an environment, from what it noted there [s]."""
    notes = [environment / '.torch', environment / '.ready']
    try:
        return sum(int(note.read_text() or 0) for note in notes)
    except (OSError, ValueError) as error:
        raise DemoError(f'{environment} was not set up by make: {error}') from error


def report(what: str, seconds: float, note: str) -> None:
    """Print a line of the timeline."""
    print(f'{what:16} {seconds:8.2f} s   {note}', flush=True)


if __name__ == '__main__':
    sys.exit(main())
