"""What pyproject.toml cannot say: the compiled interfaces and the files below share/ and lib/.

Used by pip only; colcon builds the same package with CMakeLists.txt.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import sysconfig
from pathlib import Path

from rosidl_setuptools import (
    BuildInterfaces,
    InterfaceExtension,
    InterfacePackage,
    find_ros_prefix,
)
from setuptools import setup

NAME = 'gptsovits_ros'
AUDIO = 'audio_common_msgs'
INDEX = 'share/ament_index/resource_index'


def is_installed_by_others(name: str) -> bool:
    """Tell whether a ROS distribution or another wheel already brings a package.

    pip builds in an environment of its own that hides installed packages, so look where they would
    lie.
    """
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    foreign = [Path(prefix) for prefix in prefixes if prefix and prefix != sys.prefix]
    if any((prefix / 'share' / name / 'package.xml').is_file() for prefix in foreign):
        return True
    folders = sorted({sysconfig.get_path('purelib'), sysconfig.get_path('platlib')})
    if not any(Path(folder, name).is_dir() for folder in folders):
        return False
    # What an earlier pip install of this package brought goes away with it and must be built
    # again.
    own = importlib.metadata.distributions(name=NAME, path=folders)
    return not any(file.parts[0] == name for dist in own for file in dist.files or ())


def data_files(packages: list[InterfacePackage]) -> list[tuple[str, list[str]]]:
    """List what goes below the prefix: (folder, files)."""
    listed = [
        (f'lib/{NAME}', [f'scripts/{NAME}', 'scripts/player_node', 'scripts/speech_node']),
        (f'share/{NAME}/launch', sorted(map(str, Path('launch').glob('*.launch.*')))),
        (f'share/{NAME}/config', sorted(map(str, Path('config').glob('*.yaml')))),
        (f'share/{NAME}/config/robots', sorted(map(str, Path('config/robots').glob('*.yaml')))),
    ]
    for package in packages:
        share = f'share/{package.name}'
        listed.append((share, [str(package.folder / 'package.xml')]))
        for file in package.files:
            listed.append((f'{share}/{file.parent}', [str(package.folder / file)]))
        for resource in ('packages', 'rosidl_interfaces'):
            listed.append((f'{INDEX}/{resource}', [f'resource/{resource}/{package.name}']))
    return listed


packages = [InterfacePackage(NAME, Path('.'), ('std_msgs', 'builtin_interfaces'))]
if not is_installed_by_others(AUDIO):
    packages.append(InterfacePackage(AUDIO, Path('interfaces', AUDIO), ('std_msgs',)))
if find_ros_prefix() is None:  # not x86_64 Linux: the interfaces come from colcon there
    packages = []

setup(
    cmdclass={'build_ext': BuildInterfaces},
    ext_modules=[InterfaceExtension(package) for package in packages],
    data_files=data_files(packages) if packages else [],
)
