"""What a voice folder says of itself: its voice.yaml, read and written (docs/voices.md).

A voice names the files it needs relative to its own folder, to that of its base voice, or to the
folder of shared models; a name that leads out of these is refused, since voices come from other
people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.voice.consent import Consent, read_consent
from gptsovits_ros.voice.plain_yaml import read_yaml, yaml_text

VOICE_FILE = 'voice.yaml'
LEXICON_FILE = 'lexicon.yaml'
CONDITIONS_FILE = 'conditions.safetensors'
FORMAT = 2
# Format 1 knew no base voice, and every voice had its recordings.
READABLE_FORMATS = (1, 2)
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
    """A voice on disk: every path is absolute, and inside its folder, its base or the models.

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
        prompt_audio: the clip that the GPT continues from; None where only `conditions` are kept.
        prompt_text: what is said in it; empty: the GPT gets no prompt, only the style is used.
        prompt_language: language of prompt_text.
        references: further clips whose style is averaged with that of the prompt.
        bert: folder of the BERT model; None: its features are zeros.
        hubert: folder of the HuBERT model; None where `content` stands in its place.
        content: file of a small content encoder that came with the models; None: HuBERT is used.
        speaker: file of the speaker encoder (v2Pro, v2ProPlus), else None.
        vocoder: file or folder of the vocoder (v3, v4), else None.
        token_table: file by which the guard sees skipped and repeated phonemes, else None.
        guard: False if what it says is not meant to be speech, so that nothing checks it.
        lexicon: lexicon.yaml in the folder, if there is one (docs/pronunciation.md).
        conditions: what the models take from the recordings, computed once (voice.conditions).
        base: the voice whose models it speaks with; empty: it needs no other voice.
        consent: that of the speaker; None: nothing is recorded.

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
    prompt_audio: Path | None
    prompt_text: str
    prompt_language: str
    references: tuple[Path, ...]
    bert: Path | None
    hubert: Path | None
    content: Path | None
    speaker: Path | None
    vocoder: Path | None
    lexicon: Path | None = None
    token_table: Path | None = None
    guard: bool = True
    conditions: Path | None = None
    base: str = ''
    consent: Consent | None = None

    @property
    def models(self) -> tuple[Path, ...]:
        """The files and folders of all models that it speaks with."""
        named = (
            self.semantic,
            self.acoustic,
            self.acoustic_base,
            self.bert,
            self.hubert,
            self.content,
            self.speaker,
            self.vocoder,
            self.token_table,
        )
        return tuple(path for path in named if path is not None)

    @property
    def clips(self) -> tuple[Path, ...]:
        """The recordings of the speaker, that of the prompt first; none if they were not kept."""
        return (*([] if self.prompt_audio is None else [self.prompt_audio]), *self.references)

    @property
    def size_bytes(self) -> int:
        """Size of all files in its folder; models of a base voice are not among them."""
        return sum(path.stat().st_size for path in self.folder.rglob('*') if path.is_file())

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything on disk that the voice is made of, its voice.yaml first."""
        own = (self.lexicon, self.conditions)
        return (
            self.folder / VOICE_FILE,
            *self.models,
            *self.clips,
            *(path for path in own if path is not None),
        )


def read_voice(folder: Path, model_root: Path, base_roots: Sequence[Path] = ()) -> Voice:
    """Return the voice in a folder, wherever the folder is.

    Args:
        folder: of the voice; its name is that of the voice.
        model_root: folder of shared models.
        base_roots: where its base voice is looked for, in this order; empty: beside it.

    Raises:
        VoiceInvalidError: its voice.yaml is wrong, or a file that it names is missing.

    """
    tree = _Tree(folder / VOICE_FILE)
    if tree.get('format', int) not in READABLE_FORMATS:
        raise tree.wrong(
            f'format is {tree.get("format", int)}, but this release reads '
            + ', '.join(map(str, READABLE_FORMATS))
        )
    _check_needs(tree)
    language = tree.get('prompt.language', str)
    if language not in PROMPT_LANGUAGES:
        raise tree.wrong(
            f'prompt.language is "{language}"; known are {", ".join(PROMPT_LANGUAGES)}'
        )
    base = tree.get('base', str, '')
    base_folder = _base_folder(tree, base, base_roots or (folder.parent,))

    def existing(key: str, name: str) -> Path:
        # Models may be those of the base voice, but recordings are of this speaker.
        is_model = key.startswith(('model.', 'encoders.'))
        roots = (folder, *(base_folder if is_model else ()), model_root)
        for root in roots:
            candidate = (root / name).resolve()
            if candidate.is_relative_to(root.resolve()) and candidate.exists():
                return candidate
        raise tree.wrong(
            f'{key} names "{name}", which is in none of {", ".join(map(str, roots))} '
            '(`gptsovits_ros fetch` downloads the official models)'
        )

    def optional(key: str) -> Path | None:
        name = tree.get(key, str, '')
        return existing(key, name) if name else None

    conditions = _own_file(folder, CONDITIONS_FILE)
    if conditions is None and not tree.get('prompt.audio', str, ''):
        raise tree.wrong(f'prompt.audio is missing, and so is {CONDITIONS_FILE}; one is needed')
    return Voice(
        name=folder.name,
        folder=folder,
        description=tree.get('description', str, ''),
        languages=tuple(tree.strings('languages')),
        semantic=existing('model.semantic', tree.get('model.semantic', str)),
        acoustic=existing('model.acoustic', tree.get('model.acoustic', str)),
        acoustic_base=optional('model.acoustic_base'),
        model_version=tree.get('model.version', str),
        sample_rate=tree.get('model.sample_rate', int),
        prompt_audio=optional('prompt.audio'),
        prompt_text=tree.get('prompt.text', str, ''),
        prompt_language=language,
        references=tuple(existing('references', name) for name in tree.strings('references')),
        bert=optional('encoders.bert'),
        hubert=optional('encoders.hubert'),
        content=optional('encoders.content'),
        speaker=optional('encoders.speaker'),
        vocoder=optional('encoders.vocoder'),
        lexicon=_own_file(folder, LEXICON_FILE),
        token_table=optional('encoders.token_table'),
        guard=tree.flag('guard', True),
        conditions=conditions,
        base=base,
        consent=read_consent(folder),
    )


def read_voice_file(folder: Path) -> dict[str, Any]:
    """Return voice.yaml as it stands, for those who write a changed one.

    Raises:
        VoiceInvalidError: it cannot be read.

    """
    return dict(_Tree(folder / VOICE_FILE).content)


def write_voice_file(folder: Path, tree: Mapping[str, Any]) -> None:
    """Write voice.yaml in the present format, whatever format the tree says it is."""
    rest = {key: value for key, value in tree.items() if key != 'format'}
    (folder / VOICE_FILE).write_text(yaml_text({'format': FORMAT, **rest}), encoding='utf-8')


def _check_needs(tree: _Tree) -> None:
    """Refuse a voice that lacks what its version needs."""
    version = tree.get('model.version', str)
    if version not in NEEDED_KEYS:
        raise tree.wrong(f'model.version is "{version}"; known are {", ".join(NEEDED_KEYS)}')
    for key in NEEDED_KEYS[version]:
        if not tree.get(key, str, ''):
            raise tree.wrong(f'{key} is missing, which a {version} voice needs (docs/versions.md)')
    content_keys = [key for key in CONTENT_KEYS if tree.get(key, str, '')]
    if len(content_keys) != 1:
        raise tree.wrong(f'{" or ".join(CONTENT_KEYS)} is needed, and not both')


def _base_folder(tree: _Tree, base: str, roots: Sequence[Path]) -> tuple[Path, ...]:
    """Return the folder of the base voice, if there is one."""
    if not base:
        return ()
    if NAME_PATTERN.fullmatch(base):
        for folder in (root / base for root in roots):
            if (folder / VOICE_FILE).is_file():
                return (folder,)
    raise tree.wrong(
        f'base is "{base}", but there is no such voice in {" or ".join(map(str, roots))}; get '
        'that one first, or an archive of this one that carries its models (`voices export '
        '--with-models`)'
    )


def _own_file(folder: Path, name: str) -> Path | None:
    """Return a file in the folder of a voice if it is there; a link that leads out is none."""
    path = (folder / name).resolve()
    return path if path.is_file() and path.is_relative_to(folder.resolve()) else None


class _Tree:
    """Typed look-ups in a parsed voice.yaml, with messages that name the file and the key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        tree = read_yaml(path, MAX_VOICE_FILE_BYTES)
        self.content: dict[str, Any] = tree if isinstance(tree, dict) else {}

    def wrong(self, what: str) -> VoiceInvalidError:
        return VoiceInvalidError(f'{self._path}: {what}')

    def get(self, key: str, kind: type, default: Any = None) -> Any:
        """Return the value at a dotted key; default None means that it must be there."""
        value: Any = self.content
        for part in key.split('.'):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None and default is not None:
            return default
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.wrong(f'{key} is {value!r}; a {kind.__name__} is needed')
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.content.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(f'{key} is {value!r}; true or false is needed')
        return value

    def strings(self, key: str) -> list[str]:
        values = self.get(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(f'{key} must be a list of strings')
        return values
