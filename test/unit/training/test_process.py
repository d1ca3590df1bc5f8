"""The training process: killed and resumed, asked to stop, out of time, out of disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from gptsovits_ros.checkpoint.load import load_acoustic, load_semantic
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.training.__main__ import main
from gptsovits_ros.training.loop import Loop
from gptsovits_ros.training.progress import Progress, read_log
from gptsovits_ros.training.settings import RunSettings
from gptsovits_ros.training.state import load_state, save_state

REPO = Path(__file__).resolve().parents[3]
STEPS = 8
# The dev splits are evaluated and a state is written in every step, to be killed amid all that.
BUSY = {'run': {'steps': STEPS, 'log_every': 1, 'evaluate_every': 3, 'save_every_s': 0.0}}


def start(role: str, corpus: Path, run: Path, settings: Path, *more: str) -> subprocess.Popen:
    """Start a training process with one thread."""
    return subprocess.Popen(
        [
            *(sys.executable, '-m', 'gptsovits_ros.training', role, '--corpus', corpus),
            *('--run', run, '--settings', settings, '--threads', '1', *more),
        ],
        cwd=REPO,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def events(process: subprocess.Popen) -> Iterator[dict]:
    """Yield what the process reports."""
    for line in process.stdout:
        yield json.loads(line)


def finish(process: subprocess.Popen) -> list[dict]:
    """Wait for the end and return the reports; fail if it failed."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return [json.loads(line) for line in output.splitlines()]


def tensors(tree, path: str = '') -> Iterator[tuple[str, object]]:
    """Yield every leaf of a state by its path."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from tensors(value, f'{path}/{key}')
    elif isinstance(tree, list | tuple):
        for key, value in enumerate(tree):
            yield from tensors(value, f'{path}/{key}')
    else:
        yield path, tree


@pytest.mark.parametrize('role, load', [('acoustic', load_acoustic), ('semantic', load_semantic)])
def test_killed_run_goes_on_to_the_same_weights(role, load, corpus, settings_file, tmp_path):
    settings = settings_file(role, BUSY)
    whole = start(role, corpus, tmp_path / 'whole', settings)
    broken = start(role, corpus, tmp_path / 'broken', settings)
    for event in events(broken):
        if event['event'] == 'saved' and event['step'] >= 4:
            os.kill(broken.pid, signal.SIGKILL)
            break
    broken.communicate(timeout=60)
    assert broken.returncode == -signal.SIGKILL
    assert finish(whole)[-1] == {'event': 'stopped', 'step': STEPS, 'reason': 'complete'}
    saved = load_state(tmp_path / 'broken')['step']
    assert 4 <= saved < STEPS

    reports = finish(start(role, corpus, tmp_path / 'broken', settings))
    assert {'event': 'message', 'text': f'going on from step {saved}'} in reports
    states = [dict(tensors(load_state(tmp_path / name))) for name in ('whole', 'broken')]
    assert states[0].keys() == states[1].keys()
    for path, value in states[0].items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, states[1][path]), path
        else:
            assert value == states[1][path], path
    logged = [
        [(step, name, value) for step, _, name, value in read_log(tmp_path / run / 'log.csv')]
        for run in ('whole', 'broken')
    ]
    assert logged[0] == logged[1]

    assert main(['export', str(tmp_path / 'broken'), str(tmp_path / 'out')]) == 0
    model = load(tmp_path / 'out' / f'{role}.safetensors').state_dict()
    average = load_state(tmp_path / 'broken')['trainer']['average']
    assert all(
        torch.allclose(value, average[name], atol=1e-3, rtol=2e-3) for name, value in model.items()
    )
    assert load(tmp_path / 'whole' / 'best.safetensors').config


def test_terminated_run_saves_and_exits_well(corpus, settings_file, tmp_path):
    settings = settings_file('semantic', {'run': {'steps': 10**6, 'log_every': 1}})
    process = start('semantic', corpus, tmp_path / 'run', settings)
    for event in events(process):
        if event['event'] == 'train':
            process.terminate()
            break
    last = finish(process)[-1]
    assert last['reason'] == 'asked to stop'
    assert load_state(tmp_path / 'run')['step'] == last['step'] > 0


def test_run_ends_when_its_time_is_over(make_trainer, tmp_path):
    trainer, lines = make_trainer('semantic', {'run': {'steps': 10**6}}), []
    progress = Progress(tmp_path, lines.append, show_bar=False)
    settings = RunSettings(steps=10**6)
    reason = Loop(trainer, settings, tmp_path, progress).run(0.0, lambda: False)
    assert reason == 'time is over'
    assert load_state(tmp_path)['step'] == json.loads(lines[-1])['step'] == 1


@pytest.mark.parametrize(
    'settings, message',
    [
        ({'modell': {}}, 'unknown setting "modell"'),
        ({'run': {'precision': 'float16'}}, 'needs CUDA'),
        ({'min_phonemes_per_s': 24.0}, 'no usable utterance'),
    ],
)
def test_wrong_settings_end_in_one_line(
    settings, message, corpus, settings_file, tmp_path, capsys
):
    path = settings_file('semantic', settings)
    arguments = ['semantic', '--corpus', corpus, '--run', tmp_path / 'run', '--settings', path]
    assert main([str(item) for item in arguments]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith('CONFIGURATION_INVALID: ') and message in errors
    assert errors.count('\n') == 1


def test_run_of_other_sizes_is_refused(corpus, settings_file, make_trainer, tmp_path):
    progress = Progress(tmp_path, lambda line: None, show_bar=False)
    Loop(make_trainer('semantic'), RunSettings(), tmp_path, progress).run(0.0, lambda: False)
    wider = make_trainer('semantic', {'model': {'ffn_dim': 40}})
    with pytest.raises(ConfigurationError, match='"model" differ'):
        Loop(wider, RunSettings(), tmp_path, progress).run(0.0, lambda: False)
    with pytest.raises(ConfigurationError, match='semantic trainer'):
        Loop(make_trainer('acoustic'), RunSettings(), tmp_path, progress).run(0, lambda: False)


def test_loss_that_is_no_number_stops_the_run_and_keeps_the_state(make_trainer, tmp_path):
    trainer, progress = make_trainer('semantic'), Progress(tmp_path, lambda line: None, False)
    Loop(trainer, RunSettings(), tmp_path, progress).run(0.0, lambda: False)
    before = (tmp_path / 'state.pt').read_bytes()
    trainer.step = lambda batches, step: {'loss': torch.tensor(float('nan'))}
    with pytest.raises(ConfigurationError, match='loss is nan'):
        Loop(trainer, RunSettings(), tmp_path, progress).run(60.0, lambda: False)
    assert (tmp_path / 'state.pt').read_bytes() == before


def test_full_disk_leaves_the_old_state(tmp_path):
    save_state(tmp_path, {'step': 1})
    before = (tmp_path / 'state.pt').read_bytes()
    child = os.fork()
    if child == 0:  # a limit on the size of files cannot be taken back, so it is another process
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            save_state(tmp_path, {'step': 2, 'weights': torch.zeros(10_000)})
        except CheckpointError as error:
            os._exit(0 if 'Make room' in str(error) else 2)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (tmp_path / 'state.pt').read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ['state.pt']


@pytest.mark.parametrize('content', [b'', b'PK', b'not a state at all'])
def test_damaged_state_is_refused(content, tmp_path):
    (tmp_path / 'state.pt').write_bytes(content)
    with pytest.raises(CheckpointError, match='state'):
        load_state(tmp_path)


def test_state_runs_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'trapped'),)

    torch.save({'format': 'gptsovits_ros.training', 'trap': Trap()}, tmp_path / 'state.pt')
    with pytest.raises(CheckpointError):
        load_state(tmp_path)
    assert not (tmp_path / 'trapped').exists()


def test_file_of_another_format_is_refused(tmp_path):
    torch.save({'weight': {}}, tmp_path / 'state.pt')
    with pytest.raises(CheckpointError, match='not a training state'):
        load_state(tmp_path)
