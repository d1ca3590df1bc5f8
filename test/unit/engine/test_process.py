"""The worker process is found, started and ended in the right way, and its output is kept."""

from __future__ import annotations

import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import gptsovits_ros
from gptsovits_ros.engine import process
from gptsovits_ros.engine.process import (
    RuntimeDirectory,
    WorkerProcess,
    describe_exit,
    find_interpreter,
    missing_module,
    parse_log_line,
    worker_environment,
)
from gptsovits_ros.errors import ConfigurationError

MARKER = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'


@pytest.fixture
def run_python(tmp_path):
    """Return a function that runs Python code as a worker process; all end with the test."""
    started = []

    def run(code, on_exit=lambda: None):
        environment = {'PATH': os.environ['PATH'], MARKER: '1'}
        started.append(WorkerProcess([sys.executable, '-c', code], environment, tmp_path, on_exit))
        return started[-1]

    yield run
    for worker in started:
        worker.close()


@pytest.fixture
def other_python(tmp_path):
    """Return an interpreter of another virtual environment: another link to the same binary."""
    path = tmp_path / 'other' / 'bin' / 'python'
    path.parent.mkdir(parents=True)
    path.symlink_to(os.path.realpath(sys.executable))
    return str(path)


def test_the_runtime_folder_is_private_and_goes_away(runtime_root):
    with RuntimeDirectory() as directory:
        assert directory.path.parent == runtime_root
        assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700
        linked = directory.import_path / 'gptsovits_ros'
        assert linked.resolve() == Path(gptsovits_ros.__file__).resolve().parent
        assert [entry.name for entry in directory.import_path.iterdir()] == ['gptsovits_ros']
        assert directory.address(0) != directory.address(1)
    assert list(runtime_root.iterdir()) == []
    assert Path(gptsovits_ros.__file__).is_file()  # the link was removed, not what it points to


@pytest.mark.parametrize('place', ['', 'relative', '/does/not/exist', '/proc', '/tmp/' + 'x' * 90])
def test_a_useless_runtime_folder_is_passed_over(monkeypatch, runtime_root, place):
    monkeypatch.setenv('XDG_RUNTIME_DIR', place)
    monkeypatch.setattr(process.tempfile, 'gettempdir', lambda: str(runtime_root))
    with RuntimeDirectory() as directory:
        assert directory.path.parent == runtime_root
        assert len(os.fsencode(directory.address(99999).removeprefix('ipc://'))) <= 107


def test_no_usable_folder_is_a_configuration_error(monkeypatch):
    def refuse(**_):
        raise PermissionError('read-only')

    monkeypatch.setattr(process.tempfile, 'mkdtemp', refuse)
    with pytest.raises(ConfigurationError, match='XDG_RUNTIME_DIR'):
        RuntimeDirectory()


def test_an_interpreter_is_found_by_path_by_name_or_by_default(monkeypatch, other_python):
    assert find_interpreter('') == sys.executable
    assert find_interpreter(other_python) == other_python  # not what the link points to
    monkeypatch.setenv('PATH', os.path.dirname(other_python))
    assert find_interpreter('python') == other_python


@pytest.mark.parametrize('python', ['/no/such/python', 'no-such-python', '/etc/passwd', '/'])
def test_what_is_no_program_is_a_configuration_error(python):
    with pytest.raises(ConfigurationError, match='engine.python'):
        find_interpreter(python)


def test_the_same_interpreter_inherits_everything(tmp_path):
    given = {MARKER: '1', 'LD_LIBRARY_PATH': '/a:/b', 'PYTHONPATH': '/p', 'PYTHONHOME': '/h'}
    made = worker_environment(sys.executable, tmp_path, given)
    assert made == {**given, 'PYTHONPATH': f'{tmp_path}:/p'}
    assert worker_environment(sys.executable, tmp_path, {})['PYTHONPATH'] == str(tmp_path)


def test_another_interpreter_gets_nothing_that_was_set_up_for_this_one(tmp_path, other_python):
    own = f'{sys.prefix}/lib'
    given = {
        MARKER: '1',
        'LD_LIBRARY_PATH': f'/v/site-packages/ros_rclpy.libs:{own}:/usr/local/cuda/lib64',
        'PYTHONPATH': '/p',
        'PYTHONHOME': '/h',
        'HOME': '/home/x',
    }
    made = worker_environment(other_python, tmp_path, given)
    assert made == {
        'LD_LIBRARY_PATH': '/usr/local/cuda/lib64',
        'PYTHONPATH': str(tmp_path),
        'HOME': '/home/x',
    }
    assert MARKER in given  # the argument is not changed

    only_wheels = {MARKER: '1', 'LD_LIBRARY_PATH': own}
    assert worker_environment(other_python, tmp_path, only_wheels) == {'PYTHONPATH': str(tmp_path)}


def test_libraries_are_kept_where_no_ros_wheel_set_them(tmp_path, other_python):
    given = {'LD_LIBRARY_PATH': f'{sys.prefix}/lib:/opt/x'}
    made = worker_environment(other_python, tmp_path, given)
    assert made['LD_LIBRARY_PATH'] == given['LD_LIBRARY_PATH']


def test_another_interpreter_imports_the_running_package_and_nothing_beside_it(
    runtime_root, other_python
):
    with RuntimeDirectory() as directory:
        environment = worker_environment(other_python, directory.import_path, os.environ)
        code = (
            'import os, sys, gptsovits_ros.engine as e; print(os.path.realpath(e.__file__));'
            'print(*sys.path, sep="\\n")'
        )
        output = subprocess.run(
            [other_python, '-c', code],
            env=environment,
            cwd=directory.import_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
    assert output[0] == os.path.realpath(gptsovits_ros.engine.__file__)
    # Beside an installed package lie numpy and others that are built for this interpreter.
    assert str(Path(gptsovits_ros.__file__).parent.parent) not in output[1:]
    assert str(directory.import_path) in output[1:]


def test_a_worker_leads_its_own_session_and_group(run_python):
    worker = run_python('import time; time.sleep(60)')
    assert os.getsid(worker.pid) == os.getpgid(worker.pid) == worker.pid != os.getsid(0)


@pytest.mark.parametrize(
    'code, exit_code, last_lines',
    [
        ('print("one"); print("two")', 0, ('one', 'two')),
        ('raise SystemExit(7)', 7, ()),
        ('import os; os.kill(os.getpid(), 9)', -9, ()),
        (
            'import sys; sys.stdout.buffer.write(b"10%\\r50%\\r99%\\n\\xff\\n\\n  \\nend")',
            0,
            ('99%', '\ufffd', 'end'),
        ),
        ('[print(i) for i in range(80)]', 0, tuple(str(i) for i in range(30, 80))),
    ],
)
def test_exit_code_and_last_lines_are_known_when_on_exit_is_called(
    run_python, code, exit_code, last_lines
):
    ended = threading.Event()
    worker = run_python(code, ended.set)
    assert ended.wait(10)
    assert worker.exit_code == exit_code
    assert worker.last_lines == last_lines


def test_a_line_without_end_does_not_fill_the_memory(run_python):
    ended = threading.Event()
    worker = run_python(f'print("x" * {process.MAX_LINE_BYTES * 3})', ended.set)
    assert ended.wait(10)
    assert [len(line) for line in worker.last_lines] == [process.MAX_LINE_BYTES] * 3


def test_output_becomes_log_records_with_their_level(run_python, caplog):
    ended = threading.Event()
    code = (
        'import sys; print("ERROR a.b: bad", file=sys.stderr); print("hi");'
        'print("x", file=sys.stderr)'
    )
    with caplog.at_level(logging.DEBUG, 'gptsovits_ros.engine'):
        run_python(code, ended.set)
        assert ended.wait(10)
    records = {(r.name, r.levelname, r.getMessage()) for r in caplog.records}
    assert records == {
        ('gptsovits_ros.engine', 'ERROR', 'a.b: bad'),
        ('gptsovits_ros.engine', 'INFO', 'hi'),
        ('gptsovits_ros.engine', 'WARNING', 'x'),
    }


def test_a_percent_sign_in_a_line_is_no_format():
    level, pattern, text = parse_log_line('INFO 100 %s', logging.WARNING)
    assert (level, pattern % text) == (logging.INFO, '100 %s')


def test_what_a_worker_has_started_dies_with_it(run_python, alive, eventually):
    code = (
        'import subprocess, sys, time;'
        'child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]);'
        'print(child.pid, flush=True); time.sleep(60)'
    )
    worker = run_python(code)
    eventually(lambda: worker.last_lines)
    child = int(worker.last_lines[0])
    assert alive(child)
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(10)
    eventually(lambda: not alive(child))


def test_signals_after_the_end_reach_nobody(run_python):
    worker = run_python('pass')
    assert worker.wait(10)
    worker.terminate()
    worker.kill()
    worker.dump_stacks()
    worker.close()
    assert worker.exit_code == 0


@pytest.mark.parametrize(
    'exit_code, lines, said',
    [
        (3, [], 'ended with exit code 3 without any output'),
        (3, ['one', 'two'], 'ended with exit code 3; its last output: two'),
        (-9, ['x'], 'died from SIGKILL (a shortage of memory ends processes this way); its last'),
        (-11, ['Fatal Python error: Segmentation fault', 'Thread 1', 'Extension modules: a'],
         'died from SIGSEGV; its last output: Fatal Python error: Segmentation fault'),
        (-200, [], 'died from signal 200 without'),
        (None, [], 'did not end'),
    ],
)  # fmt: skip
def test_an_exit_is_described_for_people(exit_code, lines, said):
    assert describe_exit(exit_code, lines).startswith(said)


@pytest.mark.parametrize(
    'lines, module',
    [
        (["ModuleNotFoundError: No module named 'zmq'"], 'zmq'),
        (['x', "ModuleNotFoundError: No module named 'a.b'"], 'a.b'),
        (["ModuleNotFoundError: No module named 'zmq'", 'but life went on'], ''),
        ([], ''),
    ],
)
def test_a_missing_module_is_recognised_only_as_the_last_line(lines, module):
    assert missing_module(lines) == module
