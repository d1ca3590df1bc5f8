"""`gptsovits_ros serve`, as a user runs it, and two clients with a real voice."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from gptsovits_ros.cli import main
from gptsovits_ros.engine.client import EngineClient
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.types import SpeechRequest

PATIENCE_S = 120.0


@pytest.mark.slow
def test_two_clients_speak_at_once_with_one_engine(tiny_voice):
    with tempfile.TemporaryDirectory(prefix='run-', dir='/tmp') as folder:
        socket = Path(folder) / 'engine.sock'
        command = [sys.executable, '-m', 'gptsovits_ros.cli', 'serve', '--socket', str(socket)]
        options = {
            'engine.voice_root': tiny_voice.parent,
            'engine.threads': 2,
            'engine.precision': 'float32',
            'engine.device': 'cpu',
        }
        for name, value in options.items():
            command += ['-p', f'{name}:={value}']
        process = subprocess.Popen(
            [*command, '--parallel', '2'], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        try:
            assert process.stdout.readline().decode() == f'engine.socket: {socket}\n'
            request = SpeechRequest('Good morning.', voice=tiny_voice.name, language='en', seed=1)
            said: list[np.ndarray] = []

            def speak() -> None:
                with EngineClient(EngineSettings(), socket=str(socket)) as client:
                    client.wait_ready(PATIENCE_S)
                    chunks = list(client.synthesize(request))
                said.append(np.concatenate([chunk.samples for chunk in chunks]))

            threads = [threading.Thread(target=speak) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE_S)
            first, second = said
            np.testing.assert_allclose(first, second, atol=1e-4)
            assert first.any()
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0
            assert not socket.exists()
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def test_what_cannot_be_served_is_said(tmp_path, capsys):
    tmp_path.chmod(0o755)
    assert main(['serve', '--socket', str(tmp_path / 'engine.sock')]) == 1
    assert 'error CONFIGURATION_INVALID:' in capsys.readouterr().err
    assert main(['serve', '--parallel', '99']) == 1
    assert 'engine.parallel must be in [1, 16], got 99' in capsys.readouterr().err
