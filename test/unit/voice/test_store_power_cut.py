"""A program that is killed while it changes the store leaves whole voices and nothing else."""

from __future__ import annotations

import functools
import itertools
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gptsovits_ros.audio.files import write_wav
from gptsovits_ros.voice.consent import Consent, write_consent
from gptsovits_ros.voice.export import export_voice
from gptsovits_ros.voice.importing import import_voice
from gptsovits_ros.voice.moves import DELETED_FOLDER
from gptsovits_ros.voice.store import LOCK_FILE, VoiceStore
from gptsovits_ros.voice.voice_file import write_voice_file

KILLS = 50
LONGEST_RUN_S = 0.25
WRITERS, TURNS = 2, 15
CONSENT = Consent('Anna Example', '2026-05-17', 'the robot at the desk')


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    """Return an empty store whose shared models are there by name."""
    for name in ('a.safetensors', 'b.safetensors', 'hubert'):
        path = tmp_path / 'models' / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return VoiceStore(tmp_path / 'voices', tmp_path / 'models')


def build(folder: Path, number: int) -> None:
    """Write a voice that says in each of its files which one it is."""
    write_wav(folder / 'p.wav', np.full(24000, number / 1000, np.float32), 8000)
    (folder / 'number').write_text(str(number))
    write_consent(CONSENT, folder)
    write_voice_file(
        folder,
        {
            'description': str(number),
            'languages': ['en'],
            'model': {
                'semantic': 'a.safetensors',
                'acoustic': 'b.safetensors',
                'version': 'v2',
                'sample_rate': 32000,
            },
            'prompt': {'audio': 'p.wav', 'text': '', 'language': 'en'},
            'encoders': {'hubert': 'hubert'},
        },
    )


def killed_at_random(work: Callable[[], None], seconds: float) -> None:
    """Do work in a process of its own, and kill that after some seconds."""
    ready, begun = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begun, b'x')
        try:
            work()
        finally:
            # Only reached if the work failed; 1 tells so.
            os._exit(1)
    os.read(ready, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(ready)
    os.close(begun)
    assert os.WIFSIGNALED(status), 'the work itself failed'


def test_programs_that_replace_a_voice_wait_for_each_other_and_readers_always_find_it(store):
    store.create('anna', lambda folder: build(folder, 0))
    children = []
    for writer in range(WRITERS):
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                own = VoiceStore(store.voice_root, store.model_root, lock_wait_s=60)
                for turn in range(TURNS):
                    number = writer * TURNS + turn
                    own.create('anna', lambda folder, n=number: build(folder, n), overwrite=True)
                failed = 0
            finally:
                os._exit(failed)
        children.append(child)
    seen = set()
    while children:
        seen.add(store.voice('anna').description)
        assert store.names() == ['anna']
        done, status = os.waitpid(children[0], os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            children.pop(0)
    assert len(seen) > 2
    assert store.changed_files('anna') == []
    records = list((store.voice_root / DELETED_FOLDER).iterdir())
    assert len(records) == WRITERS * TURNS


def test_voices_are_whole_after_a_kill_at_any_moment(store, tmp_path):
    store.create('replaced', lambda folder: build(folder, 0))
    archive = export_voice(store, 'replaced', tmp_path / 'archive').path

    own = VoiceStore(store.voice_root, store.model_root)

    def create(name: str, number: int) -> None:
        own.create(name, lambda folder: build(folder, number), overwrite=True)

    def delete(name: str, number: int) -> None:
        if name in own.names():
            own.delete(name, keep_consent=number % 2 == 0)

    steps = (
        lambda number: create('replaced', number),
        lambda number: create('passing', number),
        lambda number: import_voice(own, archive, 'imported', overwrite=True),
        lambda number: delete('passing', number),
        lambda number: delete('imported', number),
    )

    def work_from(first: int) -> None:
        for number in itertools.count(first):
            steps[number % len(steps)](number)

    chance = random.Random(5)
    found = set()
    for kill in range(KILLS):
        killed_at_random(functools.partial(work_from, kill), chance.uniform(0.001, LONGEST_RUN_S))
        # As a node that only reads finds it, before anybody changes anything.
        names = VoiceStore(store.voice_root, store.model_root).names()
        assert 'replaced' in names and set(names) <= {'replaced', 'passing', 'imported'}
        for name in names:
            voice = store.voice(name)
            assert store.changed_files(name) == []
            assert voice.consent == CONSENT
            if name != 'imported':
                assert (voice.folder / 'number').read_text() == voice.description
        found.update(path.name[:5] for path in store.voice_root.glob('.*-*'))
        store.recover()
        left = {path.name for path in store.voice_root.iterdir()}
        assert left - {LOCK_FILE, DELETED_FOLDER} <= {'replaced', 'passing', 'imported'}
    # Else the kills came too early or too late to prove anything.
    assert found & {'.new-', '.old-', '.gone'}
