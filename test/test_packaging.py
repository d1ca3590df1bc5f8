"""Both builds for real, in environments of their own: pip with PyPI wheels, and colcon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.ros, pytest.mark.timeout(900)]

# What would let something of this process' own environment be found in place of what was built.
FOREIGN_VARIABLES = (
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'LD_LIBRARY_PATH',
    'PYTHONHOME',
    'PYTHONPATH',
    'VIRTUAL_ENV',
    '_ROS_WHEELS_BOOTSTRAP_COMPLETE',
)
NOT_SOURCES = ('.*', '__pycache__', 'build', 'dist', 'install', 'log', '*.egg-info')

# A message, a service and an action through the middleware, with types of both packages.
ROUND_TRIP = """
import time
import rclpy
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from gptsovits_ros.action import Speak
from gptsovits_ros.msg import Voice
from gptsovits_ros.srv import ListVoices
from rclpy.action import ActionClient, ActionServer
from rclpy.executors import SingleThreadedExecutor

assert AudioData.get_fields_and_field_types() == {'data': 'sequence<uint8>'}
assert AudioDataStamped.get_fields_and_field_types() == {
    'header': 'std_msgs/Header', 'audio': 'audio_common_msgs/AudioData'}
assert AudioInfo.get_fields_and_field_types() == {
    'channels': 'uint8', 'sample_rate': 'uint32', 'sample_format': 'string',
    'bitrate': 'uint32', 'coding_format': 'string'}


def list_voices(request, response):
    response.voices = [Voice(name='ada', sample_rate=32000)]
    return response


def speak(goal):
    goal.publish_feedback(Speak.Feedback(state=Speak.Feedback.SPEAKING))
    goal.succeed()
    return Speak.Result(utterance_id=goal.request.text)


rclpy.init()
node = rclpy.create_node('round_trip')
executor = SingleThreadedExecutor()
executor.add_node(node)
heard, told = [], []
node.create_subscription(AudioDataStamped, 'audio', heard.append, 10)
publisher = node.create_publisher(AudioDataStamped, 'audio', 10)
service = node.create_service(ListVoices, 'list_voices', list_voices)
client = node.create_client(ListVoices, 'list_voices')
server = ActionServer(node, Speak, 'speak', speak)
action = ActionClient(node, Speak, 'speak')


def result_of(future):
    executor.spin_until_future_complete(future, timeout_sec=20)
    assert future.done()
    return future.result()


assert client.wait_for_service(20) and action.wait_for_server(20)
end = time.monotonic() + 20
while not heard:
    assert time.monotonic() < end, 'nothing was heard'
    if not told and publisher.get_subscription_count():
        publisher.publish(AudioDataStamped(audio=AudioData(data=b'abc')))
        told.append(True)
    executor.spin_once(timeout_sec=0.1)
assert bytes(heard[0].audio.data) == b'abc'
assert result_of(client.call_async(ListVoices.Request())).voices[0].name == 'ada'
feedback = []
goal = result_of(action.send_goal_async(Speak.Goal(text='hello'), feedback.append))
assert result_of(goal.get_result_async()).result.utterance_id == 'hello'
node.destroy_node()
rclpy.shutdown()
print('round trip done')
"""


def environment(**changes: str) -> dict[str, str]:
    """Return this process' environment without what belongs to its own installation."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}
    return {**kept, **changes}


def run(*command, cwd: Path, env: dict[str, str] | None = None, ok: bool = True) -> str:
    """Run a command and return what it printed; with `ok`, it must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert (done.returncode == 0) is ok, done.stdout[-6000:]
    return done.stdout


class Installation:
    """A virtual environment that the package is installed into."""

    def __init__(self, folder: Path):
        self.prefix = folder
        self.python = folder / 'bin' / 'python'
        run(sys.executable, '-m', 'venv', folder, cwd=folder.parent)

    def pip(self, *arguments, env: dict[str, str] | None = None, ok: bool = True) -> str:
        """Run pip in it."""
        return run(self.python, '-m', 'pip', *arguments, cwd=self.prefix, env=env, ok=ok)

    def python_prints(self, code: str) -> str:
        """Run Python code in it, outside the repository."""
        return run(self.python, '-c', code, cwd=self.prefix).strip()


@pytest.fixture(scope='module')
def sources(tmp_path_factory) -> Path:
    """Return a copy of the source tree, so that building leaves nothing in the real one."""
    folder = tmp_path_factory.mktemp('sources') / 'gptsovits_ros'
    shutil.copytree(REPO, folder, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    return folder


@pytest.fixture(scope='module')
def installed(sources, tmp_path_factory) -> Installation:
    """Return an environment with the package, built from its sdist, and ROS, but no engine."""
    installation = Installation(tmp_path_factory.mktemp('pip') / 'venv')
    installation.pip('install', '--quiet', 'setuptools>=77', 'numpy', 'pyyaml')
    installation.pip('install', '--quiet', '-r', sources / 'requirements' / 'ros.txt')
    code = 'import backend, sys; print(backend.build_sdist(sys.argv[1]))'
    env = environment(PYTHONPATH=str(sources / 'build_backend'))
    run(installation.python, '-c', code, installation.prefix, cwd=sources, env=env)
    (sdist,) = installation.prefix.glob('*.tar.gz')
    installation.pip('install', '--quiet', '--no-deps', sdist)
    return installation


def test_pip_installs_interfaces_that_work(installed, ros_domain):
    assert installed.python_prints(ROUND_TRIP) == 'round trip done'


def test_pip_installs_what_ros_tools_look_for(installed):
    share = installed.prefix / 'share'
    index = share / 'ament_index' / 'resource_index'
    for package, message in (('gptsovits_ros', 'Voice'), ('audio_common_msgs', 'AudioData')):
        assert (share / package / 'package.xml').is_file()
        assert (share / package / 'msg' / f'{message}.msg').is_file()
        assert (index / 'packages' / package).is_file()
        assert f'msg/{message}.msg' in (index / 'rosidl_interfaces' / package).read_text()
    for folder in ('launch', 'config', 'config/robots'):
        expected = {path.name for path in (REPO / folder).iterdir() if path.is_file()}
        found = {p.name for p in (share / 'gptsovits_ros' / folder).glob('*') if p.is_file()}
        assert found == expected


def test_pip_installs_every_file_of_the_package(installed, sources):
    code = 'import sysconfig; print(sysconfig.get_path("purelib"))'
    site_packages = installed.python_prints(code)
    expected = {
        path.relative_to(sources)
        for path in (sources / 'gptsovits_ros').rglob('*')
        if path.is_file() and path.suffix != '.pyc'
    }
    assert {path for path in expected if not Path(site_packages, path).is_file()} == set()


@pytest.mark.parametrize('program', ['bin/gptsovits_ros', 'lib/gptsovits_ros/gptsovits_ros'])
def test_pip_installs_programs_that_start(installed, program):
    env = environment(PATH=f'{installed.prefix / "bin"}{os.pathsep}{os.environ["PATH"]}')
    text = run(installed.prefix / program, '--help', cwd=installed.prefix, env=env)
    assert 'usage: gptsovits_ros' in text
    assert os.access(installed.prefix / Path(program).parent / 'speech_node', os.X_OK)


def test_missing_compiler_is_told_and_changes_nothing(installed, sources):
    env = environment(PATH=str(installed.prefix / 'bin'))
    arguments = ('install', '--no-deps', '--no-build-isolation', '--force-reinstall', sources)
    text = installed.pip(*arguments, env=env, ok=False)
    assert 'error: the ROS interfaces cannot be compiled' in text
    assert 'sudo apt install g++' in text
    installed.python_prints('import gptsovits_ros.msg, audio_common_msgs.msg')


def test_installed_audio_common_msgs_is_left_alone(installed, sources, tmp_path):
    share = tmp_path / 'ros' / 'share' / 'audio_common_msgs'
    share.mkdir(parents=True)
    (share / 'package.xml').write_text('<package/>')
    env = environment(AMENT_PREFIX_PATH=str(tmp_path / 'ros'))
    installed.pip('wheel', '--no-deps', '--no-build-isolation', '-w', tmp_path, sources, env=env)
    (wheel,) = tmp_path.glob('*.whl')
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith('gptsovits_ros/msg/') for name in names)
    assert [name for name in names if 'audio_common_msgs' in name and 'NOTICE' not in name] == []


def test_editable_install_reads_the_sources_and_keeps_the_rest(installed, sources):
    # Also: the audio_common_msgs of the first install is not taken for somebody else's.
    installed.pip('install', '--quiet', '--no-deps', '--no-build-isolation', '-e', sources)
    code = 'import {0} as module; print(module.__file__)'
    for module, folder in (
        ('gptsovits_ros', sources),
        ('gptsovits_ros.msg', installed.prefix),
        ('audio_common_msgs.msg', installed.prefix),
    ):
        assert installed.python_prints(code.format(module)).startswith(str(folder))
    assert (installed.prefix / 'share' / 'gptsovits_ros' / 'config').is_dir()
    folders = {path.name for path in (sources / 'gptsovits_ros').iterdir()}
    assert folders & {'msg', 'srv', 'action'} == set()


def test_engine_alone_needs_no_compiler(sources, tmp_path):
    engine = Installation(tmp_path / 'venv')
    engine.pip('install', '--quiet', 'setuptools>=77', 'numpy')
    env = environment(PATH=str(engine.prefix / 'bin'))
    engine.pip('install', '--quiet', '--no-deps', '--no-build-isolation', sources, env=env)
    engine.python_prints('import gptsovits_ros.types')
    assert not (engine.prefix / 'share' / 'gptsovits_ros').exists()


def test_colcon_builds_interfaces_that_work(ros_domain, tmp_path):
    make = ('make', 'build-colcon', f'COLCON_WORK={tmp_path}', f'PYTHON={sys.executable}')
    run(*make, cwd=REPO)
    (tmp_path / 'round_trip.py').write_text(ROUND_TRIP)
    use = '. venv/bin/activate; . install/setup.sh;'
    assert 'round trip done' in run('sh', '-c', f'{use} python round_trip.py', cwd=tmp_path)
    own = tmp_path / 'install' / 'gptsovits_ros'
    assert os.access(own / 'lib' / 'gptsovits_ros' / 'speech_node', os.X_OK)
    assert (own / 'share' / 'gptsovits_ros' / 'config' / 'default.yaml').is_file()
    for folder in ('bundled', 'text/data'):
        data = REPO / 'gptsovits_ros' / folder
        files = [path.relative_to(data) for path in data.rglob('*') if path.is_file()]
        (copy,) = own.rglob(f'gptsovits_ros/{folder}')
        assert [file for file in files if not (copy / file).is_file()] == []
    program = own / 'lib' / 'gptsovits_ros' / 'gptsovits_ros'
    assert 'usage: gptsovits_ros' in run('sh', '-c', f'{use} {program} --help', cwd=tmp_path)
