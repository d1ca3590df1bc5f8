"""`gptsovits_ros voices play`: hear a voice."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptsovits_ros.cli.say import load_engine
from gptsovits_ros.errors import DependencyMissingError

if TYPE_CHECKING:
    import numpy as np

    from gptsovits_ros.engine.engine import Engine
    from gptsovits_ros.settings import EngineSettings

EPILOG = 'Without -o the sound card is used, which needs the Python package sounddevice.'
SENTENCES = {
    'zh': '你好，这是我的声音。',
    'en': 'Hello, this is my voice.',
    'ja': 'こんにちは、これが私の声です。',
    'ko': '안녕하세요, 제 목소리입니다.',
    'yue': '你好，呢個係我把聲。',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'name', metavar='NAME', nargs='?', default='', help='of the voice (default: the default)'
    )
    parser.add_argument(
        '-o', '--output', type=Path, metavar='WAV', help='write a file instead of playing'
    )
    parser.add_argument(
        '--text', default='', help='what to say (default: a greeting in the first language)'
    )
    parser.add_argument('--seed', type=int, help='same seed, same audio (default: a new one)')


def run(
    args: argparse.Namespace,
    load_engine: Callable[[EngineSettings], Engine] = load_engine,
    sound_card: Callable[[], Any] | None = None,
) -> int:
    """Speak a sentence to the sound card, or into a file."""
    import numpy as np

    from gptsovits_ros.audio.files import SyntheticLabel, write_wav
    from gptsovits_ros.settings import EngineSettings
    from gptsovits_ros.types import SpeechRequest
    from gptsovits_ros.voice.store import VoiceStore

    store = VoiceStore(args.voice_root, args.model_root)
    voice = store.voice(args.name or store.default)
    text = args.text or SENTENCES.get(next(iter(voice.languages), ''), SENTENCES['en'])
    # Asked first: to learn that there is no sound card takes no models.
    play = None if args.output else (sound_card or _sound_card)()
    settings = EngineSettings(
        voice_root=args.voice_root, model_root=args.model_root, default_voice=voice.name
    )
    request = SpeechRequest(text, voice=voice.name, seed=args.seed)
    chunks = list(load_engine(settings).synthesize(request))
    samples = np.concatenate([chunk.samples for chunk in chunks])
    if play:
        play(samples, chunks[0].sample_rate)
    else:
        write_wav(args.output, samples, chunks[0].sample_rate, SyntheticLabel(voice.name))
    print(f'{voice.name}: {len(samples) / chunks[0].sample_rate:.2f} s of "{text}"')
    return 0


def _sound_card() -> Callable[[np.ndarray, int], None]:
    """Return what plays float32 samples [T] at a rate [Hz] and waits for their end."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise DependencyMissingError(
            f'the sound card cannot be used: {error}. Install sounddevice '
            "(`pip install 'gptsovits_ros[player]'`, `apt install libportaudio2`), or give -o WAV"
        ) from error

    def play(samples: np.ndarray, sample_rate: int) -> None:
        try:
            sounddevice.play(samples, sample_rate, blocking=True)
        except sounddevice.PortAudioError as error:
            raise DependencyMissingError(
                f'the sound card cannot be used: {error}. Give -o WAV to write a file'
            ) from error

    return play
