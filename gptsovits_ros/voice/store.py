"""The voice store: one folder per voice, described by its voice.yaml (docs/voices.md).

A voice names the files it needs relative to its own folder, or to the folder of shared models; a
name that leads out of both is refused, since voices come from other people.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gptsovits_ros.errors import VoiceInvalidError, VoiceNotFoundError

VOICE_FILE = 'voice.yaml'
LEXICON_FILE = 'lexicon.yaml'
FORMAT = 1
NAME_PATTERN = re.compile(r'[a-z0-9][a-z0-9_-]{0,63}')
MAX_VOICE_FILE_BYTES = 64 * 1024
PROMPT_LANGUAGES = ('zh', 'en', 'ja', 'ko', 'yue')
# GPT-SoVITS version -> what its voices need beside what all voices need.
NEEDED_KEYS = {
    'v1': (),
    'v2': (),
    'v2Pro': ('encoders.speaker',),
    'v2ProPlus': ('encoders.speaker',),
    'v3': ('encoders.vocoder', 'prompt.text'),
    'v4': ('encoders.vocoder', 'prompt.text'),
}
# What the prompt is heard by: official models use HuBERT, models trained here their own encoder.
CONTENT_KEYS = ('encoders.hubert', 'encoders.content')


@dataclass(frozen=True)
class Voice:
    """A voice on disk: every path is absolute and inside the voice folder or the model folder.

    Attributes:
        name: its name in the store.
        folder: its folder.
        description: one line for people.
        languages: language tags that it speaks.
        semantic: GPT weights (.ckpt or .safetensors).
        acoustic: SoVITS weights (.pth or .safetensors).
        acoustic_base: where `acoustic` is a LoRA file, the model that it changes; else None.
        model_version: GPT-SoVITS version that the weights are said to be (checked on loading).
        sample_rate: rate that they are said to make [Hz] (checked when they are loaded).
        prompt_audio: the clip that the GPT continues from.
        prompt_text: what is said in it; empty: the GPT gets no prompt, only the style is used.
        prompt_language: language of prompt_text.
        references: further clips whose style is averaged with that of the prompt.
        bert: folder of the BERT model; None: its features are zeros.
        hubert: folder of the HuBERT model; None where `content` stands in its place.
        content: file of a small content encoder that came with the models; None: HuBERT is used.
        speaker: file of the speaker encoder (v2Pro, v2ProPlus), else None.
        vocoder: file or folder of the vocoder (v3, v4), else None.
        guard: False if what it says is not meant to be speech, so that nothing checks it.
        lexicon: lexicon.yaml in the folder, if there is one (docs/pronunciation.md).

    """

    name: str
    folder: Path
    description: str
    languages: tuple[str, ...]
    semantic: Path
    acoustic: Path
    acoustic_base: Path | None
    model_version: str
    sample_rate: int
    prompt_audio: Path
    prompt_text: str
    prompt_language: str
    references: tuple[Path, ...]
    bert: Path | None
    hubert: Path | None
    content: Path | None
    speaker: Path | None
    vocoder: Path | None
    lexicon: Path | None = None
    guard: bool = True

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything on disk that the voice is made of, its voice.yaml first."""
        named = (
            self.semantic,
            self.acoustic,
            self.acoustic_base,
            self.prompt_audio,
            *self.references,
            self.bert,
            self.hubert,
            self.content,
            self.speaker,
            self.vocoder,
            self.lexicon,
        )
        return (self.folder / VOICE_FILE, *(path for path in named if path is not None))


def data_root() -> Path:
    """Return the folder for the data of this package, by the XDG base directory specification."""
    base = os.environ.get('XDG_DATA_HOME') or Path.home() / '.local' / 'share'
    return Path(base) / 'gptsovits_ros'


class VoiceStore:
    """Reads voices from a folder, anew each time, so that changes on disk are seen at once."""

    def __init__(self, voice_root: str | Path = '', model_root: str | Path = '') -> None:
        """Take the folder of the voices and that of shared models; empty: below `data_root`."""
        self.voice_root = Path(voice_root) if voice_root else data_root() / 'voices'
        self.model_root = Path(model_root) if model_root else data_root() / 'models'

    def names(self) -> list[str]:
        """Return the names of all voices, sorted; a missing store is an empty one."""
        if not self.voice_root.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self.voice_root.iterdir()
            if NAME_PATTERN.fullmatch(entry.name) and (entry / VOICE_FILE).is_file()
        )

    def voice(self, name: str) -> Voice:
        """Return one voice.

        Raises:
            VoiceNotFoundError: no voice has that name (the message lists those that exist).
            VoiceInvalidError: its voice.yaml is wrong, or a file that it names is missing.

        """
        if not NAME_PATTERN.fullmatch(name) or not (self.voice_root / name / VOICE_FILE).is_file():
            known = ', '.join(self.names()) or 'none; `gptsovits_ros make-test-voice` makes one'
            raise VoiceNotFoundError(
                f'no voice "{name}" in {self.voice_root}; voices there: {known}'
            )
        return read_voice(self.voice_root / name, self.model_root)


def read_voice(folder: Path, model_root: Path) -> Voice:
    """Return the voice in a folder, wherever the folder is.

    Raises:
        VoiceInvalidError: its voice.yaml is wrong, or a file that it names is missing.

    """
    tree = _Tree(folder / VOICE_FILE, _load_yaml(folder / VOICE_FILE))
    if tree.get('format', int) != FORMAT:
        raise tree.wrong(f'format is {tree.get("format", int)}, but this release reads {FORMAT}')
    language = tree.get('prompt.language', str)
    if language not in PROMPT_LANGUAGES:
        raise tree.wrong(
            f'prompt.language is "{language}"; known are {", ".join(PROMPT_LANGUAGES)}'
        )

    version = tree.get('model.version', str)
    if version not in NEEDED_KEYS:
        raise tree.wrong(f'model.version is "{version}"; known are {", ".join(NEEDED_KEYS)}')
    for key in NEEDED_KEYS[version]:
        if not tree.get(key, str, ''):
            raise tree.wrong(f'{key} is missing, which a {version} voice needs (docs/versions.md)')

    content_keys = [key for key in CONTENT_KEYS if tree.get(key, str, '')]
    if len(content_keys) != 1:
        raise tree.wrong(f'{" or ".join(CONTENT_KEYS)} is needed, and not both')

    def existing(key: str, name: str) -> Path:
        for root in (folder, model_root):
            candidate = (root / name).resolve()
            if candidate.is_relative_to(root.resolve()) and candidate.exists():
                return candidate
        raise tree.wrong(
            f'{key} names "{name}", which is neither in {folder} nor in {model_root} '
            '(`gptsovits_ros fetch` downloads the official models)'
        )

    def optional(key: str) -> Path | None:
        name = tree.get(key, str, '')
        return existing(key, name) if name else None

    return Voice(
        name=folder.name,
        folder=folder,
        description=tree.get('description', str, ''),
        languages=tuple(tree.strings('languages')),
        semantic=existing('model.semantic', tree.get('model.semantic', str)),
        acoustic=existing('model.acoustic', tree.get('model.acoustic', str)),
        acoustic_base=optional('model.acoustic_base'),
        model_version=version,
        sample_rate=tree.get('model.sample_rate', int),
        prompt_audio=existing('prompt.audio', tree.get('prompt.audio', str)),
        prompt_text=tree.get('prompt.text', str, ''),
        prompt_language=language,
        references=tuple(existing('references', name) for name in tree.strings('references')),
        bert=optional('encoders.bert'),
        hubert=optional('encoders.hubert'),
        content=optional('encoders.content'),
        speaker=optional('encoders.speaker'),
        vocoder=optional('encoders.vocoder'),
        lexicon=_lexicon(folder),
        guard=tree.flag('guard', True),
    )


def _lexicon(folder: Path) -> Path | None:
    """Return the lexicon in the folder of a voice; a link that leads out of it is none."""
    path = (folder / LEXICON_FILE).resolve()
    return path if path.is_file() and path.is_relative_to(folder.resolve()) else None


def _load_yaml(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_VOICE_FILE_BYTES:
            raise VoiceInvalidError(f'{path} is larger than {MAX_VOICE_FILE_BYTES // 1024} KiB')
        return yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise VoiceInvalidError(f'cannot read {path}: {error.strerror}') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise VoiceInvalidError(f'{path} is not valid YAML: {error}') from error


class _Tree:
    """Typed look-ups in a parsed voice.yaml, with messages that name the file and the key."""

    def __init__(self, path: Path, tree: Any) -> None:
        self._path = path
        self._tree = tree if isinstance(tree, dict) else {}

    def wrong(self, what: str) -> VoiceInvalidError:
        return VoiceInvalidError(f'{self._path}: {what}')

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        """Return the value at a dotted key; default None means that it must be there."""
        value: Any = self._tree
        for part in key.split('.'):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None and default is not None:
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.wrong(f'{key} is {value!r}; a {kind.__name__} is needed')
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._tree.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(f'{key} is {value!r}; true or false is needed')
        return value

    def strings(self, key: str) -> list[str]:
        values = self.get(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(f'{key} must be a list of strings')
        return values
