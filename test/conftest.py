"""What all tests share: reference results, a ROS domain of one's own, and what is skipped."""

from __future__ import annotations

import fcntl
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
ROS_DOMAINS = range(1, 102)  # above 101, ports run into those that Linux hands out


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --goldens and --weights."""
    parser.addoption(
        '--goldens',
        type=Path,
        default=REPO.parent / 'shared' / 'goldens',
        help='folder with the reference results of the official implementation',
    )
    parser.addoption(
        '--weights',
        type=Path,
        default=None,
        help='folder with real GPT-SoVITS weights, as made by `gptsovits_ros fetch`',
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say what is missing."""
    missing = {
        'ros': '' if importlib.util.find_spec('rclpy') else 'rclpy is not installed',
        'weights': '' if config.getoption('--weights') else 'no folder given by --weights',
    }
    if any(item.get_closest_marker('cuda') for item in items):
        import torch

        missing['cuda'] = '' if torch.cuda.is_available() else 'there is no CUDA device'
    for item in items:
        for name, reason in missing.items():
            if reason and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Return what tells whether a process runs; one that waits to be reaped does not."""

    def runs(pid: int) -> bool:
        try:
            state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):  # the latter if it is reaped while read
            return False
        return state != 'Z'

    return runs


@pytest.fixture(scope='session', autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep phrases that one state of the code spoke from being heard in tests of another."""
    folder = tmp_path_factory.mktemp('cache')
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv('XDG_CACHE_HOME', str(folder))
        yield folder


@pytest.fixture(scope='session')
def goldens(pytestconfig: pytest.Config) -> Path:
    """Return the folder with the reference results; skip where there is none."""
    folder = pytestconfig.getoption('--goldens')
    if not folder.is_dir():
        pytest.skip(f'no reference results in {folder} (option --goldens)')
    return folder


@pytest.fixture(scope='session')
def weights(pytestconfig: pytest.Config) -> Path:
    """Return the folder with real weights; for tests with the marker of the same name."""
    return pytestconfig.getoption('--weights')


@pytest.fixture(scope='session')
def ros_domain() -> Iterator[int]:
    """Give this test process a ROS domain that no other test process on this machine uses.

    ROS_DOMAIN_ID is set for this process and its children, and discovery is kept to this machine.
    The lock goes away with the process, however it ends.
    """
    domain, lock = _lock_domain(Path(tempfile.gettempdir()))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv('ROS_DOMAIN_ID', str(domain))
        environment.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        if not os.environ.get('AMENT_PREFIX_PATH'):
            # The ros-* wheels install into the virtual environment and leave this to their user.
            environment.setenv('AMENT_PREFIX_PATH', sys.prefix)
        yield domain
    os.close(lock)


def _lock_domain(folder: Path) -> tuple[int, int]:
    """Return the first free domain and the descriptor that holds its lock."""
    # Two runs that start together would meet at every low number; start at different places.
    first = os.getpid() % len(ROS_DOMAINS)
    for domain in (*ROS_DOMAINS[first:], *ROS_DOMAINS[:first]):
        path = folder / f'gptsovits_ros_domain_{domain}.lock'
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except PermissionError:
            continue  # another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return domain, lock
    raise RuntimeError(f'all ROS domains of {ROS_DOMAINS} are taken; see {folder}')
