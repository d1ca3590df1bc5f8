"""Which room may import what. The tables are the rules; docs/architecture.md has the reasons."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PACKAGE = 'gptsovits_ros'
VALUES = ('types', 'settings', 'errors')
MODELS = ('encoders', 'semantic', 'acoustic')
ENGINE_ROOMS = (*VALUES, *MODELS, 'text', 'audio', 'checkpoint', 'voice')
ALL_BUT_ROS = (
    *ENGINE_ROOMS,
    'engine',
    'training',
    'parity',
    'fetch',
    'fetch_archive',
    'official_models',
    'doctor',
)

# What the store is made of; none of it knows a model.
STORE_PARTS = (
    'voice.bundled',
    'voice.checksums',
    'voice.consent',
    'voice.default_file',
    'voice.durable',
    'voice.moves',
    'voice.plain_yaml',
    'voice.voice_file',
)

# What the node's parameters and requests are; tools make the same requests, without ROS.
ROS_TABLES = ('ros.parameters', 'ros.requests', 'ros.robot_config')

# What each room, or module with a rule of its own, may import of this package. A room may import
# its own modules, a module with a rule of its own only what is listed. The longest name that fits
# a module counts.
ALLOWED = {
    'errors': (),
    'types': ('errors',),
    'settings': (),
    'official_models': (),
    'fetch': ('errors', 'official_models'),
    'fetch_archive': ('errors', 'official_models', 'fetch'),
    'doctor': ALL_BUT_ROS,
    'text': VALUES,
    'audio': VALUES,
    'audio.pcm': VALUES,
    'encoders': VALUES,
    'semantic': VALUES,
    'acoustic': VALUES,
    'checkpoint': (*VALUES, *MODELS),
    'voice': (*VALUES, 'encoders', 'text', 'audio', 'checkpoint'),
    'voice.store': (*VALUES, *STORE_PARTS),
    **dict.fromkeys(STORE_PARTS, (*VALUES, *STORE_PARTS)),
    # Makes a voice from random models, so it needs their classes and not only their files.
    'voice.standin': (*VALUES, *MODELS, 'audio', 'checkpoint', 'voice.voice_file'),
    'engine': ENGINE_ROOMS,
    'training': ENGINE_ROOMS,
    'ros': (*VALUES, 'audio.pcm', 'engine.client', 'engine.protocol', 'engine.process'),
    'parity': ALL_BUT_ROS,
    'cli': (*ALL_BUT_ROS, *ROS_TABLES),
}
# The node's process holds these, and it must answer while torch is busy elsewhere; and text must
# be usable, and testable, without a model. The rule holds for all that they import as well.
TORCH_FREE = (
    'errors',
    'settings',
    'types',
    'text',
    'audio.pcm',
    'voice.store',
    *STORE_PARTS,
    'engine.client',
    'engine.process',
    'engine.protocol',
    'ros',
)
TORCH = {'torch', 'torchaudio', 'torchvision', 'transformers', 'safetensors'}
ROS = {'rclpy', 'launch', 'launch_ros', 'ament_index_python', 'std_srvs'}
ROS_ENDINGS = ('_msgs', '_interfaces')
GENERATED = ('msg', 'srv', 'action')
PRINTERS = ('cli', 'training.__main__')
LONGEST_FILE = 400  # lines; a longer one has a second subject


@dataclass(frozen=True)
class Module:
    """One source file: its name within the package, and what it imports."""

    name: str
    path: Path
    tree: ast.Module
    own_imports: frozenset[str]
    other_imports: frozenset[str]

    def is_in(self, *names: str) -> bool:
        """Tell whether this is one of these modules or lies in one of these rooms."""
        return any(is_within(self.name, name) for name in names)


def is_within(module: str, room: str) -> bool:
    """Tell whether a module is a room or lies in it."""
    return module == room or module.startswith(f'{room}.')


def read_modules(package: Path) -> dict[str, Module]:
    """Parse all source files of a package; the package's own __init__.py has the name ''."""
    paths = {}
    for path in sorted(package.rglob('*.py')):
        parts = path.relative_to(package).with_suffix('').parts
        paths['.'.join(part for part in parts if part != '__init__')] = path
    return {name: read_module(name, path, paths) for name, path in paths.items()}


def read_module(name: str, path: Path, paths: dict[str, Path]) -> Module:
    """Parse one source file, and find its imports wherever they stand in it."""
    tree = ast.parse(path.read_text(encoding='utf-8'), str(path))
    package = name if path.name == '__init__.py' else name.rpartition('.')[0]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node, package)
            own = source.removeprefix(PACKAGE).lstrip('.')
            for alias in node.names:
                submodule = f'{own}.{alias.name}'.lstrip('.')
                is_own = source.split('.')[0] == PACKAGE and submodule in paths
                found.add(f'{PACKAGE}.{submodule}' if is_own else source)
    own = {target for target in found if is_within(target, PACKAGE)}
    return Module(
        name=name,
        path=path,
        tree=tree,
        own_imports=frozenset(target.removeprefix(PACKAGE).lstrip('.') for target in own),
        other_imports=frozenset(target.split('.')[0] for target in found - own),
    )


def absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of what a `from ... import` takes from."""
    if node.level == 0:
        return node.module or ''
    parts = [PACKAGE, *filter(None, package.split('.'))]
    base = parts[: len(parts) - node.level + 1]
    return '.'.join([*base, *filter(None, [node.module])])


def find_faults(package: Path) -> list[str]:
    """Return one line for each broken rule."""
    modules = read_modules(package)
    faults = [f'{name}/: the generated interfaces land there' for name in own_folders(package)]
    for module in modules.values():
        faults += [f'{module.path.relative_to(package)}: {fault}' for fault in check(module)]
    for module in modules.values():
        if module.is_in(*TORCH_FREE):
            faults += torch_faults(module, modules, package)
    return faults


def own_folders(package: Path) -> list[str]:
    """Return the folders of the package that have the name of a generated one."""
    return [name for name in GENERATED if (package / name).is_dir()]


def check(module: Module) -> list[str]:
    """Return what is wrong with one module by itself."""
    faults = []
    if module.name:
        faults += import_faults(module)
    elif module.own_imports or module.other_imports - {'pkgutil'}:
        faults.append('the package itself must stay cheap to import')
    lines = len(module.path.read_text(encoding='utf-8').splitlines())
    if lines > LONGEST_FILE:
        faults.append(f'{lines} lines, more than {LONGEST_FILE}')
    if not module.is_in(*PRINTERS):
        faults += [
            f'line {node.lineno}: print() belongs to the command line'
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == 'print'
        ]
    return faults


def import_faults(module: Module) -> list[str]:
    """Return the imports that the tables do not allow to a module."""
    rule = max((name for name in ALLOWED if module.is_in(name)), key=len, default=None)
    if rule is None:
        return ['no rule in ALLOWED; add one']
    allowed = ALLOWED[rule] if '.' in rule else (*ALLOWED[rule], rule)
    faults = []
    for target in sorted(module.own_imports - {''}):
        if target.split('.')[0] in GENERATED:
            if not module.is_in('ros'):
                faults.append(f'imports {target}; ROS belongs to ros/')
        elif not any(is_within(target, name) for name in allowed):
            faults.append(f'imports {target}; allowed: {", ".join(allowed)}')
    for target in sorted(module.other_imports):
        if is_ros(target) and not module.is_in('ros'):
            faults.append(f'imports {target}; ROS belongs to ros/')
    return faults


def is_ros(name: str) -> bool:
    """Tell whether a top-level package is one of ROS."""
    return name in ROS or name.endswith(ROS_ENDINGS)


def torch_faults(module: Module, modules: dict[str, Module], package: Path) -> list[str]:
    """Return the ways by which a module that must not load torch would load it."""
    faults = []
    ways: dict[str, tuple[str, ...]] = {module.name: ()}
    todo = [module.name]
    while todo:
        name = todo.pop()
        for target in sorted(modules[name].other_imports & TORCH):
            way = ' -> '.join((*ways[name][1:], name)) if ways[name] else 'itself'
            faults.append(f'{module.path.relative_to(package)}: {target} is loaded, by {way}')
        for target in with_parents(modules[name]):
            if target in modules and target not in ways:
                ways[target] = (*ways[name], name)
                todo.append(target)
    return faults


def with_parents(module: Module) -> set[str]:
    """Return what is run when a module is imported: its imports, and each __init__.py above."""
    targets = {module.name, *module.own_imports}
    for target in list(targets):
        parts = target.split('.')
        targets.update('.'.join(parts[:count]) for count in range(1, len(parts)))
    return targets


def test_package_keeps_the_import_rules():
    assert find_faults(REPO / PACKAGE) == []


def test_node_side_loads_no_torch():
    modules = read_modules(REPO / PACKAGE)
    names = [
        f'{PACKAGE}.{name}'
        for name, module in modules.items()
        if module.is_in(*TORCH_FREE) and not module.is_in('ros')
    ]
    code = (
        'import importlib, sys\n'
        f'for name in {names!r}: importlib.import_module(name)\n'
        f'found = sorted({TORCH!r} & set(sys.modules))\n'
        'sys.exit(f"loaded: {found}" if found else 0)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=REPO, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


CLEAN = {
    '__init__.py': 'from pkgutil import extend_path\n',
    'errors.py': '',
    'types.py': 'from gptsovits_ros.errors import A\n',
    'text/__init__.py': '',
    'text/frontend.py': 'import numpy\nfrom ..types import B\nfrom . import split\n',
    'text/split.py': '',
    'audio/__init__.py': '',
    'audio/pcm.py': 'import numpy\n',
    'audio/files.py': 'import torch\n',
    'semantic/__init__.py': '',
    'semantic/model.py': 'import torch\n',
    'acoustic/__init__.py': '',
    'acoustic/sovits.py': 'import torch\n',
    'engine/__init__.py': '',
    'engine/client.py': 'from gptsovits_ros.engine import wire\n',
    'engine/wire.py': 'import zmq\n',
    'engine/engine.py': 'import torch\nfrom ..semantic import model\n',
    'ros/__init__.py': '',
    'ros/speech_node.py': 'import rclpy\nfrom ..engine.client import C\nfrom ..msg import Voice\n',
    'cli/__init__.py': 'print("hello")\n',
}


def plant(folder: Path, files: dict[str, str]) -> Path:
    """Write a small package."""
    for name, code in files.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding='utf-8')
    return folder / PACKAGE


def test_clean_package_has_no_fault(tmp_path):
    assert find_faults(plant(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(
    'file, code, fault',
    [
        ('text/split.py', 'import torch', 'text/split.py: torch is loaded, by itself'),
        ('text/split.py', 'def f():\n    import torch', 'torch is loaded, by itself'),
        ('text/split.py', 'from ..audio import pcm', 'imports audio.pcm; allowed'),
        ('semantic/model.py', 'from ..acoustic import sovits', 'imports acoustic.sovits; allowed'),
        ('semantic/model.py', 'import gptsovits_ros.text.split', 'imports text.split; allowed'),
        ('audio/pcm.py', 'from . import files', 'imports audio.files; allowed'),
        ('audio/__init__.py', 'import torch', 'audio/pcm.py: torch is loaded, by audio'),
        ('engine/wire.py', 'import torch', 'engine/client.py: torch is loaded, by engine.wire'),
        (
            'engine/wire.py',
            'from . import engine',
            'engine/client.py: torch is loaded, by engine.',
        ),
        ('engine/client.py', 'import rclpy', 'imports rclpy; ROS belongs to ros/'),
        ('engine/client.py', 'from std_msgs.msg import String', 'imports std_msgs; ROS belongs'),
        ('engine/client.py', 'from gptsovits_ros.msg import Voice', 'imports msg; ROS belongs'),
        ('ros/speech_node.py', 'from ..engine.engine import E', 'imports engine.engine; allowed'),
        ('cli/__init__.py', 'from ..ros import speech_node', 'imports ros.speech_node; allowed'),
        ('semantic/model.py', 'print(1)', 'line 1: print() belongs to the command line'),
        ('semantic/model.py', 'x = 1\n' * 401, '401 lines, more than 400'),
        ('msg/__init__.py', '', 'msg/: the generated interfaces land there'),
        ('extra.py', '', 'extra.py: no rule in ALLOWED'),
        ('__init__.py', 'from . import types', '__init__.py: the package itself must stay cheap'),
    ],
)
def test_planted_fault_is_found(tmp_path, file, code, fault):
    faults = find_faults(plant(tmp_path, {**CLEAN, file: code}))
    assert any(fault in line for line in faults), faults
