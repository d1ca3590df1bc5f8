"""Write a voice into one .gsvvoice file, for another robot or for safe keeping."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptsovits_ros.checkpoint.portable import (
    copy_bigvgan,
    copy_encoder,
    copy_model,
    copy_table,
)
from gptsovits_ros.errors import VoiceArchiveError, VoiceInvalidError, VoiceStoreError
from gptsovits_ros.voice.archive_layout import (
    AUDIO_SUFFIXES,
    MANIFEST_FILE,
    MAX_ARCHIVE_BYTES,
    MAX_FILES,
    SUFFIX,
    ArchivedFile,
    Manifest,
    limit_of,
    manifest_tree,
)
from gptsovits_ros.voice.checksums import sha256
from gptsovits_ros.voice.conditions import (
    StoredConditions,
    read_conditions,
    sources_of,
    write_conditions,
)
from gptsovits_ros.voice.consent import CONSENT_FILE
from gptsovits_ros.voice.enroll.report_file import REPORT_FILE
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import (
    CONDITIONS_FILE,
    LEXICON_FILE,
    VOICE_FILE,
    Voice,
    read_voice_file,
    write_voice_file,
)

# People may edit these in the folder of a voice; a change of any other file is damage.
EDITED_BY_HAND = (VOICE_FILE, LEXICON_FILE)
# What is worth compressing; weights and recordings are not.
COMPRESSED = ('.yaml', '.json', '.txt')

Copy = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the archive.
        size: in bytes.
        needs: what must be there where it is imported: a base voice, names of shared models.

    """

    path: Path
    size: int
    needs: tuple[str, ...]


def export_voice(
    store: VoiceStore,
    name: str,
    path: Path,
    with_models: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write a voice to a file that `import_voice` reads; it appears whole or not at all.

    Models in the folder of the voice are carried, pickled ones as safetensors. Those of a base
    voice and shared ones are needed where it is imported, unless they are carried too.

    Args:
        store: where the voice is.
        name: of the voice.
        path: file to write, readable by its owner only.
        with_models: carry all models.
        overwrite: replace a file that is there.

    Raises:
        VoiceNotFoundError, VoiceInvalidError: there is no such voice, or it is damaged.
        CheckpointError: a model cannot be read.
        VoiceArchiveError: the file is there, or the voice cannot be put into an archive.
        VoiceStoreError: the file cannot be written.

    """
    voice = store.voice(name)
    damaged = [file for file in store.changed_files(name) if file not in EDITED_BY_HAND]
    if damaged:
        raise VoiceInvalidError(
            f'voice "{name}" is not as it was stored: {", ".join(damaged[:5])} changed; enrol or '
            'import it again'
        )
    if path.exists() and not overwrite:
        raise VoiceArchiveError(f'{path} exists already; choose another file, or overwrite it')
    try:
        # Beside its place, so that it can be moved there, and private as the voice is.
        with tempfile.TemporaryDirectory(prefix='.exporting-', dir=path.parent) as work:
            folder = Path(work) / name
            folder.mkdir()
            needs = _stage(voice, folder, store, with_models)
            _rewrite_conditions(voice, folder, store)
            part = Path(work) / 'archive'
            _write_zip(folder, Manifest(name, needs, _listed(folder)), part)
            part.replace(path)
    except OSError as error:
        raise VoiceStoreError(f'{path} cannot be written: {error}') from error
    except zipfile.LargeZipFile as error:
        raise VoiceArchiveError(
            f'voice "{name}" is larger than an archive may be ({MAX_ARCHIVE_BYTES} bytes); export '
            'it without models'
        ) from error
    return Exported(path, path.stat().st_size, needs)


def _stage(voice: Voice, folder: Path, store: VoiceStore, with_models: bool) -> tuple[str, ...]:
    """Copy what is carried into a folder, under the names of an archive; return what is not."""
    tree = read_voice_file(voice.folder)
    own, shared = voice.folder.resolve(), store.model_root.resolve()
    needs = [f'voice {voice.base}'] if voice.base and not with_models else []
    for section, key, source, copy, suffix in _models(voice):
        if with_models or source.is_relative_to(own):
            copy(source, folder / f'{key}{suffix}')
            tree[section] = {**tree[section], key: f'{key}{suffix}'}
        elif source.is_relative_to(shared):
            needs.append(tree[section][key])
    tree['prompt'], tree['references'] = _stage_clips(voice, tree['prompt'], folder)
    if with_models:
        tree.pop('base', None)
    for name in (LEXICON_FILE, CONSENT_FILE, REPORT_FILE, CONDITIONS_FILE):
        if (voice.folder / name).is_file():
            shutil.copyfile(voice.folder / name, folder / name)
    write_voice_file(folder, tree)
    return tuple(needs)


def _models(voice: Voice) -> list[tuple[str, str, Path, Copy, str]]:
    """Return section and key in voice.yaml, file, what copies it, and suffix of each model."""
    vocoder_is_folder = voice.vocoder is not None and voice.vocoder.is_dir()
    table: list[tuple[str, str, Path | None, Copy, str]] = [
        ('model', 'semantic', voice.semantic, copy_model, '.safetensors'),
        ('model', 'acoustic', voice.acoustic, copy_model, '.safetensors'),
        ('model', 'acoustic_base', voice.acoustic_base, copy_model, '.safetensors'),
        ('encoders', 'bert', voice.bert, copy_encoder, ''),
        ('encoders', 'hubert', voice.hubert, copy_encoder, ''),
        ('encoders', 'content', voice.content, copy_model, '.safetensors'),
        ('encoders', 'speaker', voice.speaker, copy_table, '.safetensors'),
        ('encoders', 'token_table', voice.token_table, copy_model, '.safetensors'),
        ('encoders', 'vocoder', voice.vocoder, copy_bigvgan, '')
        if vocoder_is_folder
        else ('encoders', 'vocoder', voice.vocoder, copy_table, '.safetensors'),
    ]
    return [row for row in table if row[2] is not None]


def _stage_clips(
    voice: Voice, prompt: Mapping[str, Any], folder: Path
) -> tuple[dict[str, Any], list[str]]:
    """Copy the recordings; return the sections "prompt" and "references" with their new names."""
    staged = dict(prompt)
    if voice.prompt_audio is not None:
        staged['audio'] = _stage_clip(voice.prompt_audio, 'prompt', folder)
    references = [
        _stage_clip(clip, f'reference_{number}', folder)
        for number, clip in enumerate(voice.references, 1)
    ]
    return staged, references


def _stage_clip(clip: Path, name: str, folder: Path) -> str:
    suffix = clip.suffix.lower().lstrip('.')
    if suffix not in AUDIO_SUFFIXES:
        raise VoiceArchiveError(
            f'{clip.name} cannot be put into an archive; save it as one of '
            + ', '.join(AUDIO_SUFFIXES)
        )
    shutil.copyfile(clip, folder / f'{name}.{suffix}')
    return f'{name}.{suffix}'


def _rewrite_conditions(voice: Voice, folder: Path, store: VoiceStore) -> None:
    """Let conditions that fit the voice fit its copy, whose models may be in other files."""
    if voice.conditions is not None:
        stored = read_conditions(voice.conditions)
        if stored.fits(voice):
            copy = store.read(folder, like_bundled=store.is_bundled(voice.name))
            sources = {**stored.sources, **sources_of(copy)}
            write_conditions(StoredConditions(stored.tensors, sources), folder / CONDITIONS_FILE)


def _listed(folder: Path) -> tuple[ArchivedFile, ...]:
    """Return all files of a folder as the manifest lists them.

    Raises:
        VoiceArchiveError: one is larger than an archive may hold.

    """
    files = []
    for path in sorted(path for path in folder.rglob('*') if path.is_file()):
        file = ArchivedFile(path.relative_to(folder).as_posix(), path.stat().st_size, sha256(path))
        if file.size > limit_of(file.name):
            raise VoiceArchiveError(
                f'{file.name} has {file.size} bytes, but an archive holds {limit_of(file.name)}'
            )
        files.append(file)
    if len(files) > MAX_FILES:
        raise VoiceArchiveError(f'the voice has {len(files)} files; an archive holds {MAX_FILES}')
    return tuple(files)


def _write_zip(folder: Path, manifest: Manifest, path: Path) -> None:
    with path.open('xb') as file:
        os.chmod(path, 0o600)
        with zipfile.ZipFile(file, 'w', allowZip64=False) as archive:
            text = json.dumps(manifest_tree(manifest), indent=1, ensure_ascii=False)
            archive.writestr(MANIFEST_FILE, text + '\n', zipfile.ZIP_DEFLATED)
            for entry in manifest.files:
                kind = (
                    zipfile.ZIP_DEFLATED if entry.name.endswith(COMPRESSED) else zipfile.ZIP_STORED
                )
                archive.write(folder / entry.name, entry.name, kind)
        file.flush()
        os.fsync(file.fileno())


def suggested_name(name: str) -> str:
    """Return the usual name of the archive of a voice."""
    return name + SUFFIX
