"""Official files are read, hostile ones are refused by the name of what they ask for."""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from gptsovits_ros.checkpoint.archive import read_archive
from gptsovits_ros.errors import CheckpointError, CheckpointUnsafeError


class Payload:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def write_zip(path: Path, pickled: bytes, header: bytes = b'PK', **entries: bytes) -> Path:
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('archive/data.pkl', pickled)
        for name, data in entries.items():
            archive.writestr(f'archive/data/{name}', data)
    data = path.read_bytes()
    path.write_bytes(header + data[2:])
    return path


def test_tensors_of_every_kind_come_back_as_torch_wrote_them(tmp_path):
    shared = torch.arange(12.0)
    content = {
        'weight': collections.OrderedDict(
            half=torch.randn(3, 4).half(),
            whole=torch.randint(9, (5,)),
            view=shared[2:8].view(2, 3),
            transposed=torch.randn(2, 5).T,
            scalar=torch.tensor(7.0),
            empty=torch.empty(0, 3),
            parameter=torch.nn.Parameter(torch.randn(2)),
            flag=torch.tensor([True, False]),
        ),
        'config': {'list': [1, (2, 3.5)], 'none': None, 'text': 'ä'},
    }
    torch.save(content, tmp_path / 'x.pth')
    found = read_archive(tmp_path / 'x.pth')
    assert found['config'] == content['config']
    assert found['weight'].keys() == content['weight'].keys()
    for name, tensor in content['weight'].items():
        assert torch.equal(found['weight'][name], tensor.detach()), name
        assert found['weight'][name].dtype == tensor.dtype


@pytest.mark.parametrize('header', [b'00', b'05', b'06'])
def test_a_version_number_over_the_zip_magic_is_read_through(tmp_path, header):
    path = tmp_path / 'x.pth'
    torch.save({'weight': {'a': torch.ones(2)}}, path)
    path.write_bytes(header + path.read_bytes()[2:])
    assert torch.equal(read_archive(path)['weight']['a'], torch.ones(2))


@pytest.mark.parametrize(
    ('payload', 'name'),
    [
        (Payload(print, 'ran'), 'builtins.print'),
        (Payload(eval, '1'), 'builtins.eval'),
        (Payload(__import__('os').system, 'true'), '.system'),
        (Payload(__import__('subprocess').Popen, ['true']), 'subprocess.Popen'),
        (Payload(getattr, 'x', 'upper'), 'builtins.getattr'),
        (Payload(torch.load, 'x'), 'torch.serialization.load'),
        (Payload(io.open, 'x'), 'io.open'),
    ],
)
def test_a_file_that_wants_to_run_code_is_refused_by_name(tmp_path, capsys, payload, name):
    path = write_zip(tmp_path / 'evil.pth', pickle.dumps({'weight': payload}, protocol=4))
    with pytest.raises(CheckpointUnsafeError, match='which is not allowed') as caught:
        read_archive(path)
    assert name in str(caught.value)
    assert capsys.readouterr().out == ''


def test_a_pickle_cannot_change_our_classes(tmp_path):
    """Opcodes can set attributes of what was named; so each file gets classes of its own."""
    # HParams named as a global, then BUILD with a slot state: setattr(HParams, 'poison', 1).
    pickled = (
        pickle.PROTO
        + b'\x02'
        + b'cutils\nHParams\n'
        + pickle.NONE
        + b'}X\x06\x00\x00\x00poisonK\x01s'
        + pickle.TUPLE2
        + pickle.BUILD
        + pickle.STOP
    )
    read_archive(write_zip(tmp_path / 'x.pth', pickled))
    from gptsovits_ros.checkpoint import archive

    assert not hasattr(archive._HParams, 'poison')


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda path: path.write_bytes(b''), 'not a torch zip'),
        (lambda path: path.write_bytes(b'PK' + b'\0' * 500), 'not a torch zip'),
        (lambda path: write_zip(path, b'garbage'), 'damaged'),
        (lambda path: write_zip(path, b'.'), 'damaged'),
        (lambda path: None, 'cannot read'),
        (lambda path: path.mkdir(), 'cannot read'),
    ],
    ids=['empty', 'zeros', 'garbage', 'stop', 'missing', 'folder'],
)
def test_what_is_no_archive_is_a_checkpoint_error(tmp_path, make, message):
    make(tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=message):
        read_archive(tmp_path / 'x.pth')


@pytest.mark.parametrize('where', [0.3, 0.6, 0.9])
def test_a_truncated_file_is_a_checkpoint_error(tmp_path, where):
    torch.save({'weight': {'a': torch.ones(5000)}}, tmp_path / 'x.pth')
    data = (tmp_path / 'x.pth').read_bytes()
    (tmp_path / 'x.pth').write_bytes(data[: int(len(data) * where)])
    with pytest.raises(CheckpointError):
        read_archive(tmp_path / 'x.pth')


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path):
    """Strides and offsets come from the file; they must not read our memory."""
    buffer = io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return ('storage', torch.FloatStorage, '0', 'cpu', 4) if obj is storage else None

    class Tensor:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (storage, 0, (1000,), (1,), False, None)

    storage = object()
    Pickler(buffer, protocol=2).dump({'weight': {'a': Tensor()}})
    path = write_zip(tmp_path / 'x.pth', buffer.getvalue(), **{'0': b'\0' * 16})
    with pytest.raises(CheckpointError, match='damaged'):
        read_archive(path)


def test_a_huge_object_table_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / 'x.pth'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('archive/data.pkl', b'\0' * (17 << 20))
    with pytest.raises(CheckpointError, match='too large'):
        read_archive(path)
