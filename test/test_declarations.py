"""What is declared twice is the same in both places, and everything that is used is declared."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
PACKAGE = REPO / 'gptsovits_ros'
PYPROJECT = (REPO / 'pyproject.toml').read_text(encoding='utf-8')
CMAKE = (REPO / 'CMakeLists.txt').read_text(encoding='utf-8')
MANIFEST = ElementTree.parse(REPO / 'package.xml').getroot()
INTERFACE_KINDS = ('msg', 'srv', 'action')
INTERFACE_FOLDERS = {
    'gptsovits_ros': REPO,
    'audio_common_msgs': REPO / 'interfaces' / 'audio_common_msgs',
}
# Requirement files that a plain `pip install .` reads, or that a user asks for by the name of an
# extra.
LANGUAGE_PARTS = ('zh', 'en', 'ja', 'ko', 'yue', 'lid', 'g2pw')
ENROLMENT_PARTS = ('enroll', 'denoise', 'transcribe')
RUNTIME_PARTS = (
    'node',
    'engine',
    *LANGUAGE_PARTS,
    *ENROLMENT_PARTS,
    'player',
    'ros',
    'torchaudio',
    'train',
)
# Distributions whose name is not that of what they are imported as.
IMPORTED_AS = {
    'pyyaml': 'yaml',
    'pyzmq': 'zmq',
    'pyopenjtalk-ndy': 'pyopenjtalk',
    'python-mecab-ko-py313': 'mecab',
    'tojyutping': 'ToJyutping',
}
# Needed, but by no import: rclpy opens the first by name, and mecab the second; of the third only
# a file is read.
NEVER_IMPORTED = {'rmw_fastrtps_cpp', 'python_mecab_ko_dic', 'silero_vad'}
# Imported, but in no requirement file: from interfaces/ or a ROS distribution, or of this project.
NOT_FROM_PYPI = {'audio_common_msgs', 'bench', 'gptsovits_ros', 'launch', 'launch_ros'}
# The corpus tools have an environment of their own, made by tools/corpus/setup.sh: misaki is
# installed there without its dependencies, and ctranslate2 comes with faster-whisper.
CORPUS_TOOLS = REPO / 'tools' / 'corpus'
CORPUS_EXTRAS = {'misaki', 'ctranslate2'}
# The programs that bench/peers measures have environments of their own, made by its setup.sh, and
# share a file with their scripts; tokenizers comes with transformers.
PEERS = {'GPT_SoVITS', 'TTS_infer_pack', 'genie_tts', 'exchange', 'tokenizers'}
ROSDEP_KEYS = {
    'numpy': 'python3-numpy',
    'yaml': 'python3-yaml',
    'zmq': 'python3-zmq',
    'msgpack': 'python3-msgpack',
}
# Folders of the package with files that are no code.
DATA_FOLDERS = ('text/data', 'bundled')
RUNTIME_TAGS = ('depend', 'exec_depend')


def imports_of(folder: Path) -> set[str]:
    """Return the top-level packages that the files of a folder import from elsewhere."""
    found = set()
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                found.update(alias.name.split('.')[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(node.module.split('.')[0])
    return found - set(sys.stdlib_module_names)


def requirements(part: str) -> set[str]:
    """Return what a part of requirements/ names, by the names that are imported."""
    return names_in(REPO / 'requirements' / f'{part}.txt')


def names_in(path: Path) -> set[str]:
    """Return what a requirement file names, by the names that are imported."""
    text = path.read_text(encoding='utf-8')
    names = re.findall(r'^[A-Za-z][\w.-]*', text, re.MULTILINE)
    return {import_name(name.lower()) for name in names}


def import_name(distribution: str) -> str:
    """Return the name that the contents of a distribution are imported by."""
    return IMPORTED_AS.get(distribution, distribution.removeprefix('ros-').replace('-', '_'))


def manifest_names(*tags: str) -> set[str]:
    """Return what package.xml names with these tags."""
    return {element.text for tag in tags for element in MANIFEST.findall(tag)}


def own_version() -> str:
    """Return the version in the package itself, which pyproject.toml reads too."""
    text = (PACKAGE / '__init__.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE)[1]


def interface_files(package: str) -> list[str]:
    """Return the interface files of a package, relative to its folder."""
    folder = INTERFACE_FOLDERS[package]
    return sorted(
        f'{kind}/{path.name}' for kind in INTERFACE_KINDS for path in (folder / kind).glob('*')
    )


def test_version_is_the_same_everywhere():
    newest = re.search(
        r'^(\d+\.\d+\.\d+) \(', (REPO / 'CHANGELOG.rst').read_text(encoding='utf-8'), re.MULTILINE
    )
    assert MANIFEST.findtext('version') == own_version()
    assert newest[1] == own_version()
    assert "version = { attr = 'gptsovits_ros.__version__' }" in PYPROJECT


def test_every_import_is_a_requirement():
    declared = set().union(*map(requirements, RUNTIME_PARTS))
    assert imports_of(PACKAGE) - declared - NOT_FROM_PYPI == set()


@pytest.mark.parametrize('folder', ['test', 'bench', 'tools', 'scripts'])
def test_every_import_of_a_developer_is_a_requirement(folder):
    declared = set().union(*map(requirements, (*RUNTIME_PARTS, 'dev')))
    if folder == 'tools':
        declared |= names_in(CORPUS_TOOLS / 'requirements.txt') | CORPUS_EXTRAS
        declared |= {path.stem for path in CORPUS_TOOLS.glob('*.py')}
    if folder == 'bench':
        declared |= PEERS
    assert imports_of(REPO / folder) - declared - NOT_FROM_PYPI == set()


def test_every_requirement_is_imported():
    declared = set().union(*map(requirements, RUNTIME_PARTS))
    assert declared - imports_of(PACKAGE) - NEVER_IMPORTED == set()


def test_every_requirement_file_is_read():
    files = {path.name for path in (REPO / 'requirements').iterdir()}
    makefile = (REPO / 'Makefile').read_text(encoding='utf-8')
    assert {file for file in files if f'requirements/{file}' not in PYPROJECT + makefile} == set()


def test_package_xml_lists_what_the_node_needs():
    from_ros = imports_of(PACKAGE / 'ros') - set().union(
        *(requirements(part) for part in RUNTIME_PARTS if part != 'ros')
    )
    from_ros |= imports_of(REPO / 'launch') - {'gptsovits_ros', 'yaml'}
    expected = from_ros - {'gptsovits_ros'} | {ROSDEP_KEYS[name] for name in requirements('node')}
    assert expected - manifest_names(*RUNTIME_TAGS) == set()


@pytest.mark.parametrize('package', INTERFACE_FOLDERS)
def test_both_builds_know_every_interface(package):
    cmake = (INTERFACE_FOLDERS[package] / 'CMakeLists.txt').read_text(encoding='utf-8')
    index = REPO / 'resource' / 'rosidl_interfaces' / package
    files = interface_files(package)
    assert files
    assert sorted(re.findall(r'"((?:msg|srv|action)/\w+\.\w+)"', cmake)) == files
    assert index.read_text(encoding='utf-8').split() == files
    assert (REPO / 'resource' / 'packages' / package).read_bytes() == b''


@pytest.mark.parametrize('package', INTERFACE_FOLDERS)
def test_interface_dependencies_are_in_both_builds(package):
    folder = INTERFACE_FOLDERS[package]
    used = set()
    for file in interface_files(package):
        used |= set(
            re.findall(r'^(\w+)/\w+', (folder / file).read_text(encoding='utf-8'), re.MULTILINE)
        )
    used -= {package}
    cmake = (folder / 'CMakeLists.txt').read_text(encoding='utf-8')
    manifest = ElementTree.parse(folder / 'package.xml').getroot()
    assert set(re.search(r'DEPENDENCIES ([\w ]+)', cmake)[1].split()) == used
    assert {element.text for element in manifest.findall('depend')} == used


def test_every_folder_of_code_is_a_package():
    folders = {path.parent for path in PACKAGE.rglob('*.py')}
    assert [folder for folder in folders if not (folder / '__init__.py').is_file()] == []


def test_data_files_are_package_data():
    outside = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob('*')
        if path.is_file() and path.suffix not in ('.py', '.pyc')
        if not any(path.is_relative_to(PACKAGE / folder) for folder in DATA_FOLDERS)
    ]
    assert outside == []
    declared = ', '.join(f"'{folder}/**'" for folder in DATA_FOLDERS)
    assert f'gptsovits_ros = [{declared}]' in PYPROJECT


@pytest.mark.parametrize('script', ['gptsovits_ros', 'player_node', 'speech_node'])
def test_program_is_installed_by_both_builds(script):
    path = REPO / 'scripts' / script
    module = re.search(rf"^{script} = '([\w.]+):main'$", PYPROJECT, re.MULTILINE)[1]
    assert os.access(path, os.X_OK)
    assert f'from {module} import main' in path.read_text(encoding='utf-8')
    assert f'scripts/{script}' in CMAKE
    assert importlib.util.find_spec(module) is not None
