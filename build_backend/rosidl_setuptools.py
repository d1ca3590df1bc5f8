"""Compile ROS interfaces with setuptools: .msg, .srv and .action files into one module.

Needs the rosidl generators and their share/, include/ and lib/ folders (the ros-* wheels bring all
of it) and a C++ compiler; no CMake, ament or colcon. What colcon makes besides, the C++ type
support that rosbag2 and Foxglove load, is not made here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sysconfig
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from setuptools import Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import PlatformError

KINDS = ('msg', 'srv', 'action')
FASTRTPS = 'rosidl_typesupport_fastrtps_c'
INTROSPECTION = 'rosidl_typesupport_introspection_c'
DISPATCH_HEADER = 'rosidl_local_dispatch.h'
# Packages that the generators refer to in every service and action, whether the files name them or
# not.
IMPLIED_PACKAGES = (
    'builtin_interfaces',
    'service_msgs',
    'action_msgs',
    'unique_identifier_msgs',
)
BASE_LIBRARIES = (
    'rosidl_runtime_c',
    'rosidl_typesupport_c',
    'rosidl_typesupport_fastrtps_c',
    'rosidl_typesupport_fastrtps_cpp',
    'rosidl_typesupport_introspection_c',
    'rosidl_dynamic_typesupport',
    'rcutils',
    'rmw',
    'fastcdr',
)


@dataclass(frozen=True)
class InterfacePackage:
    """A folder with msg/, srv/ and action/.

    Attributes:
        name: of the ROS package, and so of the Python package that the interfaces land in.
        folder: what holds msg/, srv/ and action/.
        dependencies: interface packages that its files name types of.

    """

    name: str
    folder: Path
    dependencies: tuple[str, ...]

    @property
    def files(self) -> list[Path]:
        """Interface files, relative to the folder, sorted."""
        return sorted(
            path.relative_to(self.folder)
            for kind in KINDS
            for path in (self.folder / kind).glob(f'*.{kind}')
        )


class InterfaceExtension(Extension):
    """The extension module of one interface package; its sources are made when it is built."""

    def __init__(self, package: InterfacePackage):
        super().__init__(f'{package.name}.{package.name}_s__rosidl_typesupport_c', sources=[])
        self.language = 'c++'
        self.package = package


class BuildInterfaces(build_ext):
    """build_ext that generates, compiles and packs interface extensions."""

    def build_extension(self, ext):
        """Build one extension, and put the generated Python modules beside it."""
        if not isinstance(ext, InterfaceExtension):
            super().build_extension(ext)
            return
        self._require_compiler()
        prefix = find_ros_prefix()
        if prefix is None:
            raise PlatformError(
                'the rosidl generators are not installed: pip install ros-std-msgs'
            )
        dependencies = find_dependencies(prefix, ext.package.dependencies)
        output = Path(self.build_temp).resolve() / f'rosidl_{ext.package.name}'
        generate(ext.package, prefix, dependencies, output)
        configure(ext, prefix, dependencies, output)
        self._compile(ext)
        super().build_extension(ext)
        self._copy_modules(ext, output / 'rosidl_generator_py' / ext.package.name)

    def _require_compiler(self) -> None:
        """Refuse to go on without compilers and the Python headers.

        :raises PlatformError: what is missing, and how to get it or do without.
        """
        commands = {self.compiler.compiler[0], self.compiler.compiler_cxx[0]}
        missing = [f'the compiler {name}' for name in sorted(commands) if not shutil.which(name)]
        if not Path(sysconfig.get_path('include'), 'Python.h').is_file():
            missing.append('Python.h')
        if missing:
            raise PlatformError(
                f'the ROS interfaces cannot be compiled: {" and ".join(missing)} not found. '
                'On Debian and Ubuntu: sudo apt install g++ python3-dev. CONTRIBUTING.md tells '
                'how to install the engine alone, which needs neither.'
            )

    def _compile(self, ext: InterfaceExtension) -> None:
        """Turn the sources of an extension into objects, as many at a time as there are cores.

        setuptools compiles one after the other, a hundred of them here.
        """

        def compile_one(source: str) -> list[str]:
            return self.compiler.compile(
                [source],
                output_dir=self.build_temp,
                include_dirs=ext.include_dirs,
                extra_postargs=ext.extra_compile_args,
            )

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            ext.extra_objects = [
                name for names in pool.map(compile_one, ext.sources) for name in names
            ]
        ext.sources = []

    def _copy_modules(self, ext: InterfaceExtension, generated: Path) -> None:
        target = Path(self.get_ext_fullpath(ext.name)).parent
        for path in generated.rglob('*.py'):
            copy = target / path.relative_to(generated)
            copy.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(path), str(copy))
        if ext.package.name not in (self.distribution.packages or ()):
            (target / '__init__.py').touch()  # a package without Python code of its own


def find_ros_prefix() -> Path | None:
    """Return the folder whose share/ holds the rosidl generators; None where there are none."""
    spec = importlib.util.find_spec('rosidl_generator_py')
    if spec is None or spec.origin is None:
        return None
    for parent in Path(spec.origin).resolve().parents:
        if (parent / 'share' / 'rosidl_generator_py').is_dir():
            return parent
    return None


def find_dependencies(prefix: Path, names: tuple[str, ...]) -> list[str]:
    """Return the interface packages that these and the implied ones need, by package.xml."""
    found: list[str] = []
    todo = [*names, *IMPLIED_PACKAGES]
    while todo:
        name = todo.pop()
        folder = prefix / 'share' / name
        if name in found or not any((folder / kind).is_dir() for kind in KINDS):
            continue
        found.append(name)
        manifest = ElementTree.parse(folder / 'package.xml').getroot()
        for tag in ('depend', 'build_depend', 'build_export_depend', 'exec_depend'):
            todo.extend(element.text.strip() for element in manifest.findall(tag))
    return found


def generate(
    package: InterfacePackage, prefix: Path, dependencies: list[str], output: Path
) -> None:
    """Write C, C++ and Python sources of all interfaces of a package below an output folder."""
    # Imported here: they exist only where interfaces are built.
    import rosidl_generator_c
    import rosidl_generator_py
    import rosidl_typesupport_c
    import rosidl_typesupport_fastrtps_c
    import rosidl_typesupport_introspection_c
    from rosidl_generator_type_description import generate_type_hash

    run = GeneratorRun(package, prefix, dependencies, output)
    generate_type_hash(
        run.arguments('rosidl_generator_type_description', include_paths=run.shares())
    )
    rosidl_generator_c.generate_c(
        run.arguments(
            'rosidl_generator_c',
            type_description_tuples=run.type_descriptions(),
            ros_interface_files=[str(package.folder / file) for file in package.files],
        )
    )
    rosidl_typesupport_fastrtps_c.generate_typesupport_fastrtps_c(run.arguments(FASTRTPS))
    rosidl_typesupport_introspection_c.generate_c(run.arguments(INTROSPECTION))
    for generator in ('rosidl_generator_c', FASTRTPS, INTROSPECTION):
        run.write_visibility_header(generator)
    rosidl_typesupport_c.generate_c(
        run.arguments('rosidl_typesupport_c'), [FASTRTPS, INTROSPECTION]
    )
    run.dispatch_locally()
    rosidl_generator_py.generate_py(run.arguments('rosidl_generator_py'), ['rosidl_typesupport_c'])


class GeneratorRun:
    """What the generators are told about one package; made by converting its files to IDL."""

    def __init__(
        self, package: InterfacePackage, prefix: Path, dependencies: list[str], output: Path
    ):
        self.package = package
        self.prefix = prefix
        self.dependencies = dependencies
        self.output = output
        self.idl_files = self._convert_to_idl()

    def _convert_to_idl(self) -> list[Path]:
        from rosidl_adapter.action import convert_action_to_idl
        from rosidl_adapter.msg import convert_msg_to_idl
        from rosidl_adapter.srv import convert_srv_to_idl

        convert = {
            '.msg': convert_msg_to_idl,
            '.srv': convert_srv_to_idl,
            '.action': convert_action_to_idl,
        }
        for file in self.package.files:
            folder = self.output / 'idl' / file.parent
            folder.mkdir(parents=True, exist_ok=True)
            convert[file.suffix](self.package.folder.resolve(), self.package.name, file, folder)
        return [file.with_suffix('.idl') for file in self.package.files]

    def arguments(self, generator: str, **more) -> str:
        """Write the argument file of one generator and return its path."""
        share = self.prefix / 'share'
        values = {
            'package_name': self.package.name,
            'output_dir': str(self.output / generator / self.package.name),
            'template_dir': str(share / generator / 'resource'),
            'idl_tuples': [f'{self.output / "idl"}:{file.as_posix()}' for file in self.idl_files],
            'ros_interface_dependencies': [
                f'{name}:{path}'
                for name in self.dependencies
                for path in sorted((share / name).rglob('*.idl'))
            ],
            'target_dependencies': [],
            **more,
        }
        Path(values['output_dir']).mkdir(parents=True, exist_ok=True)
        path = self.output / f'{generator}.json'
        path.write_text(json.dumps(values), encoding='utf-8')
        return str(path)

    def shares(self) -> list[str]:
        """Return where the type descriptions of the dependencies lie, as "package:folder"."""
        return [f'{name}:{self.prefix / "share" / name}' for name in self.dependencies]

    def type_descriptions(self) -> list[str]:
        """Return where generate_type_hash() wrote those of this package, as "idl:json"."""
        folder = self.output / 'rosidl_generator_type_description' / self.package.name
        return [
            f'{file.as_posix()}:{folder / file.with_suffix(".json")}' for file in self.idl_files
        ]

    def write_visibility_header(self, generator: str) -> None:
        """Fill in the header that CMake otherwise makes from its template."""
        name = f'{generator}__visibility_control.h'
        template = self.prefix / 'share' / generator / 'resource' / f'{name}.in'
        text = template.read_text(encoding='utf-8')
        text = text.replace('@PROJECT_NAME_UPPER@', self.package.name.upper())
        text = text.replace('@PROJECT_NAME@', self.package.name)
        folder = self.output / generator / self.package.name / 'msg'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding='utf-8')

    def dispatch_locally(self) -> None:
        """Make the generated dispatch code look into its own extension (see the header)."""
        header = Path(__file__).with_name(DISPATCH_HEADER)
        shutil.copy(header, self.output / DISPATCH_HEADER)
        for path in (self.output / 'rosidl_typesupport_c').rglob('*.cpp'):
            code = path.read_text(encoding='utf-8')
            path.write_text(f'#include "{DISPATCH_HEADER}"\n{code}', encoding='utf-8')


def configure(
    ext: InterfaceExtension, prefix: Path, dependencies: list[str], output: Path
) -> None:
    """Fill in what the compiler and the linker of an extension need to know."""
    import numpy

    generators = ('rosidl_generator_c', FASTRTPS, INTROSPECTION, 'rosidl_typesupport_c')
    headers = [
        folder
        for folder in sorted((prefix / 'include').iterdir())
        if folder.is_dir() and not folder.name.startswith('python')
    ]
    includes = [output, *(output / generator for generator in generators), *headers]
    ext.include_dirs = [*map(str, includes), str(prefix / 'include'), numpy.get_include()]
    ext.sources = sorted(str(path) for path in output.rglob('*') if path.suffix in ('.c', '.cpp'))
    ext.library_dirs = [str(prefix / 'lib')]
    ext.libraries = [
        *BASE_LIBRARIES,
        *(
            f'{name}__{library}'
            for name in dependencies
            for library in (*generators, 'rosidl_generator_py')
        ),
    ]
    # Generated code is long and simple: optimising it further takes time and gains nothing
    # measurable.
    ext.extra_compile_args = ['-O1', '-w', '-fvisibility=default']
    # From <prefix>/lib/pythonX.Y/site-packages/<package> to <prefix>/lib, where the ros-* wheels
    # put theirs.
    ext.extra_link_args = ['-Wl,-rpath,$ORIGIN/../../..', '-Wl,--as-needed']
