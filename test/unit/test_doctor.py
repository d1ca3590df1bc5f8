"""The checks of the doctor."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys

import pytest

from gptsovits_ros import doctor
from gptsovits_ros.doctor import FAILED, INFO, OK, WARNING, Finding, Section
from gptsovits_ros.official_models import G2PW, LANGUAGE_IDENTIFIER, files_for
from gptsovits_ros.voice.store import VoiceStore
from gptsovits_ros.voice.voice_file import write_voice_file


def only(findings, name):
    """Return the one finding of this name."""
    found = [finding for finding in findings if finding.name == name]
    assert len(found) == 1, findings
    return found[0]


def test_all_subjects_are_looked_at(tmp_path):
    sections = doctor.diagnose(str(tmp_path), str(tmp_path))
    titles = [section.title for section in sections]
    for title in ('system', 'ROS', 'torch', 'torchaudio', 'voices', 'official models'):
        assert title in titles
    assert all(section.findings for section in sections)


def test_a_check_that_crashes_is_a_finding_and_hides_nothing(tmp_path, monkeypatch):
    def crash():
        yield Finding('first', OK, 'seen')
        raise ZeroDivisionError('one\ntwo')

    monkeypatch.setattr(doctor, '_system', crash)
    sections = doctor.diagnose(str(tmp_path), str(tmp_path))
    assert [(f.name, f.status) for f in sections[0].findings] == [
        ('first', OK),
        ('system', FAILED),
    ]
    assert sections[0].findings[1].value == 'ZeroDivisionError: one'
    assert len(sections) > 5


@pytest.mark.parametrize(
    'statuses, well', [([OK, INFO, WARNING], True), ([OK, FAILED], False), ([], True)]
)
def test_only_what_failed_keeps_a_machine_from_speaking(statuses, well):
    findings = tuple(Finding('x', status, '') for status in statuses)
    assert doctor.can_speak([Section('a', findings)]) == well


def test_an_old_python_fails(monkeypatch):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 1))
    finding = only(doctor._system(), 'Python')
    assert (finding.status, finding.value) == (FAILED, '3.9.1')
    assert '3.10' in finding.cure


def test_the_device_memory_of_cuda_is_told(monkeypatch):
    torch = importlib.import_module('torch')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda index: (3e9, 8e9))
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda index: 'Orin')
    assert only(doctor._torch(), 'cuda:0').value == 'Orin, 3.0 of 8.0 GB free'


def test_without_cuda_the_cpu_is_named():
    torch = importlib.import_module('torch')
    if torch.cuda.is_available():
        pytest.skip('there is a CUDA device')
    assert only(doctor._torch(), 'CUDA').status == INFO


def test_a_library_that_is_missing_names_its_install_command(monkeypatch):
    monkeypatch.setitem(doctor.ENGINE_LIBRARIES, 'no_such_module', 'no-such-thing')
    finding = only(doctor._engine_libraries(), 'no-such-thing')
    assert (finding.status, finding.cure) == (FAILED, 'pip install no-such-thing')


def test_a_library_that_is_broken_is_a_finding(monkeypatch, tmp_path):
    (tmp_path / 'broken_for_test.py').write_text("raise OSError('libx.so: not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        doctor, 'ENGINE_LIBRARIES', {'broken_for_test': 'broken', 'numpy': 'numpy'}
    )
    findings = list(doctor._engine_libraries())
    assert only(findings, 'broken').value == 'OSError: libx.so: not found'
    assert only(findings, 'numpy').status == OK


def test_a_text_library_that_is_missing_names_its_language(monkeypatch):
    monkeypatch.setattr(doctor, 'TEXT_LIBRARIES', {'zh': ('no-such-thing', 'numpy')})
    monkeypatch.setattr(doctor, 'OPTIONAL_TEXT_LIBRARIES', {'ja': ('no-such-extra',)})
    missing, present, optional = doctor._text_libraries()
    assert missing == Finding(
        'zh: no-such-thing', FAILED, 'not installed', 'pip install no-such-thing'
    )
    assert present.status == OK
    assert (optional.status, optional.cure) == ('info', 'pip install "gptsovits_ros[ja]"')


@pytest.mark.parametrize(
    'file, flavour',
    [('_audio_stamped.py', 'mgonzs13'), ('_audio_data.py', 'ros-drivers'), (None, 'not found')],
)
def test_the_two_packages_named_audio_common_msgs_are_told_apart(
    monkeypatch, tmp_path, file, flavour
):
    if file:
        folder = tmp_path / 'audio_common_msgs' / 'msg'
        folder.mkdir(parents=True)
        (folder.parent / '__init__.py').touch()
        (folder / file).touch()
        monkeypatch.syspath_prepend(tmp_path)
    else:
        monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    # A test with ROS in the same process may have imported the real one.
    monkeypatch.delitem(sys.modules, 'audio_common_msgs', raising=False)
    importlib.invalidate_caches()
    assert flavour in doctor._audio_common_flavour()


def test_a_machine_without_ros_is_warned_and_can_still_speak(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    assert only(doctor._ros(), 'rclpy').status == WARNING
    assert all(finding.status != FAILED for finding in doctor._ros())


def test_no_voice_fails_with_the_command_that_makes_one(tmp_path):
    finding = only(doctor._voices(VoiceStore(tmp_path, tmp_path)), 'voices')
    assert finding.status == FAILED
    assert finding.cure == f'gptsovits_ros make-test-voice {tmp_path}/test'


def test_a_damaged_voice_is_named_with_its_problem(tmp_path):
    (tmp_path / 'anna').mkdir()
    (tmp_path / 'anna' / 'voice.yaml').write_text('format: 99')
    findings = list(doctor._voices(VoiceStore(tmp_path, tmp_path)))
    assert only(findings, 'anna').status == WARNING
    assert '99' in only(findings, 'anna').value
    assert only(findings, 'voices').status == FAILED


def test_bundled_voices_are_counted_and_let_a_machine_speak(tmp_path):
    none = VoiceStore(tmp_path, tmp_path)
    assert only(doctor._voices(none), 'bundled voices').value == 'none came with the package'
    for name in ('mia', 'zoe'):
        (tmp_path / 'package' / name).mkdir(parents=True)
        (tmp_path / 'package' / name / 'voice.yaml').write_text('format: 99')
    (tmp_path / 'package' / 'mia' / 'file').touch()
    # Only as far as the check looks at it.
    tree = {
        'languages': ['en'],
        'model': {'semantic': 'file', 'acoustic': 'file', 'version': 'v2', 'sample_rate': 32000},
        'prompt': {'audio': 'file', 'language': 'en'},
        'encoders': {'content': 'file'},
    }
    write_voice_file(tmp_path / 'package' / 'mia', tree)
    store = VoiceStore(tmp_path / 'v', tmp_path, bundled_root=tmp_path / 'package')
    findings = list(doctor._voices(store))
    assert only(findings, 'bundled voices') == Finding('bundled voices', INFO, '2 (mia, zoe)')
    assert only(findings, 'mia').status == OK
    assert 'install gptsovits_ros again' in only(findings, 'zoe').cure
    assert doctor.can_speak([Section('voices', tuple(findings))])


def test_official_models_are_counted_per_version(tmp_path):
    for file in files_for('v2'):
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).touch()
    findings = list(doctor._models(tmp_path))
    assert only(findings, 'v2') == Finding('v2', OK, 'all 8 files')
    assert only(findings, 'v2Pro').status == INFO
    assert 'fetch --version v2Pro' in only(findings, 'v2Pro').cure


def test_models_that_can_be_done_without_are_told_with_what_stands_in_for_them(tmp_path):
    finding = only(doctor._models(tmp_path), 'g2pW')
    assert finding.status == INFO
    assert 'dictionaries' in finding.value
    assert 'fetch --g2pw' in finding.cure
    assert 'fetch --language-id' in only(doctor._models(tmp_path), 'language identifier').cure
    for file in (*G2PW.members, LANGUAGE_IDENTIFIER):
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).touch()
    findings = list(doctor._models(tmp_path))
    assert only(findings, 'g2pW') == Finding('g2pW', OK, 'found')
    assert only(findings, 'language identifier').status == OK


def test_missing_models_of_the_usual_version_are_a_warning(tmp_path):
    finding = only(doctor._models(tmp_path / 'my models'), 'v2')
    assert finding.status == WARNING
    assert finding.value.startswith('8 of 8 files are missing (1102 MB)')
    assert finding.cure.endswith(f"--model-root '{tmp_path}/my models'")


@pytest.mark.parametrize('free, status', [(1e9, WARNING), (3e9, OK)])
def test_little_memory_and_disk_are_warned_of(monkeypatch, tmp_path, free, status):
    monkeypatch.setattr(doctor, '_available_memory', lambda: int(free))
    monkeypatch.setattr(
        doctor.shutil, 'disk_usage', lambda folder: type('Usage', (), {'free': int(free)})
    )
    findings = list(doctor._resources(tmp_path / 'not' / 'there'))
    assert [finding.status for finding in findings] == [status, status]
    assert str(tmp_path) in findings[0].value


def test_available_memory_is_read():
    assert 1e7 < doctor._available_memory() < 1e14


def test_a_torchaudio_that_cannot_be_imported_is_information_only(monkeypatch):
    from gptsovits_ros.audio import torchaudio_backend

    monkeypatch.setattr(
        torchaudio_backend,
        'backend',
        lambda: torchaudio_backend.Backend(reason='OSError: no libcudart'),
    )
    finding = only(doctor._torchaudio(), 'torchaudio')
    assert finding.status == INFO
    assert 'OSError: no libcudart' in finding.value


def test_without_any_library_all_are_named_at_once(tmp_path):
    program = (
        'import sys\n'
        'for name in ("torch", "soundfile", "transformers", "zmq", "soxr"):\n'
        '    sys.modules[name] = None\n'
        'from gptsovits_ros import doctor\n'
        'for section in doctor.diagnose(sys.argv[1], sys.argv[1]):\n'
        '    for finding in section.findings: print(finding.status, finding.cure)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', program, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    for name in ('torch', 'soundfile', 'transformers', 'pyzmq', 'soxr'):
        assert f'FAILED pip install {name}\n' in done.stdout
