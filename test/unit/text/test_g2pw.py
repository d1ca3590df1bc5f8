"""Readings from g2pW, with a network made for the test: it has the real inputs and output."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import numpy as np
import pytest

from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.text.g2p_zh import MandarinG2p
from gptsovits_ros.text.g2pw import MODEL_FOLDER, TOKENIZER, G2pwReadings, find_readings

POLYPHONIC = (
    '行\tㄒㄧㄥ2\n行\tㄏㄤ2\n還\tㄏㄞ2\n還\tㄏㄨㄢ2\n長\tㄔㄤ2\n長\tㄓㄤ3\n不\tㄅㄨ4\n不\tㄈㄡ3\n'
)
MONOPHONIC = '銀\tㄧㄣ2\n似\tㄙ4\n'
PINYIN = {
    'ㄒㄧㄥ': 'xing', 'ㄏㄤ': 'hang', 'ㄏㄞ': 'hai', 'ㄏㄨㄢ': 'huan', 'ㄔㄤ': 'chang',
    'ㄓㄤ': 'zhang', 'ㄅㄨ': 'bu', 'ㄈㄡ': 'fou', 'ㄧㄣ': 'yin', 'ㄙ': 'si',
}  # fmt: skip
LABELS = sorted({line.split('\t')[1] for line in POLYPHONIC.split('\n') if line})
TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', *'銀行還錢長大一不我,.']
# Token before a character -> the label that the network likes there.
LIKES = {'銀': 'ㄏㄤ2', '大': 'ㄓㄤ3', '我': 'ㄏㄨㄢ2', '行': 'ㄔㄤ2'}
INPUTS = {
    'input_ids': 2, 'token_type_ids': 2, 'attention_mask': 2, 'phoneme_mask': 2, 'char_ids': 1,
    'position_ids': 1,
}  # fmt: skip


def weights() -> np.ndarray:
    """Return how much the network likes each label behind each token."""
    table = np.zeros((len(TOKENS), len(LABELS)), np.float32)
    for token, label in LIKES.items():
        table[TOKENS.index(token), LABELS.index(label)] = 5
    return table


def network() -> bytes:
    """Return an ONNX model that looks at the token before the character that is asked for."""
    onnx = pytest.importorskip('onnx')
    helper, kinds = onnx.helper, onnx.TensorProto
    inputs = [
        helper.make_tensor_value_info(
            name,
            kinds.FLOAT if name == 'phoneme_mask' else kinds.INT64,
            ['rows', f'{name}_width'][:rank],
        )
        for name, rank in INPUTS.items()
    ]
    constants = [
        helper.make_tensor('one', kinds.INT64, [1], [1]),
        helper.make_tensor('likes', kinds.FLOAT, weights().shape, weights().ravel()),
        helper.make_tensor('shape', kinds.INT64, [2], [0, len(LABELS)]),
        helper.make_tensor('far', kinds.FLOAT, [1], [1000.0]),
    ]
    nodes = [
        helper.make_node('Unsqueeze', ['position_ids', 'one'], ['column']),
        helper.make_node('Sub', ['column', 'one'], ['before']),
        helper.make_node('GatherElements', ['input_ids', 'before'], ['token'], axis=1),
        helper.make_node('Gather', ['likes', 'token'], ['liked']),
        helper.make_node('Reshape', ['liked', 'shape'], ['scores']),
        helper.make_node('Mul', ['phoneme_mask', 'far'], ['allowed']),
        helper.make_node('Add', ['scores', 'allowed'], ['sum']),
        helper.make_node('Softmax', ['sum'], ['probs'], axis=-1),
    ]
    output = helper.make_tensor_value_info('probs', kinds.FLOAT, ['rows', len(LABELS)])
    graph = helper.make_graph(nodes, 'g2pw', inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class SameNetwork:
    """The network in numpy, which remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, np.ndarray]] = []

    def run(self, outputs, inputs):
        self.asked.append(inputs)
        rows = np.arange(len(inputs['position_ids']))
        before = inputs['input_ids'][rows, inputs['position_ids'] - 1]
        return [weights()[before] + 1000 * inputs['phoneme_mask']]


def to_traditional(text: str) -> str:
    return text.translate(str.maketrans('银还钱长', '銀還錢長'))


@pytest.fixture
def model_root(tmp_path) -> Path:
    folder = tmp_path / MODEL_FOLDER
    folder.mkdir(parents=True)
    (folder / 'POLYPHONIC_CHARS.txt').write_text(POLYPHONIC, 'utf-8')
    (folder / 'MONOPHONIC_CHARS.txt').write_text(MONOPHONIC, 'utf-8')
    (folder / 'bopomofo_to_pinyin_wo_tune_dict.json').write_text(json.dumps(PINYIN), 'utf-8')
    tokenizer = tmp_path / TOKENIZER
    tokenizer.parent.mkdir()
    vocabulary = {token: number for number, token in enumerate(TOKENS)}
    tokenizer.write_text(json.dumps({'model': {'vocab': vocabulary}}), 'utf-8')
    return tmp_path


@pytest.fixture
def session() -> SameNetwork:
    return SameNetwork()


@pytest.fixture
def readings(model_root, session) -> G2pwReadings:
    return G2pwReadings(session, model_root / MODEL_FOLDER, model_root / TOKENIZER, to_traditional)


@pytest.mark.parametrize(
    ('segment', 'read'),
    [
        ('银行,', ['yin2', 'hang2', ',']),
        ('我还钱.', ['wo3', 'huan2', 'qian2', '.']),
        ('大长', ['da4', 'zhang3']),
        ('行长', ['hang2', 'chang2']),  # first label allowed; the network then likes chang2
        ('不', ['bu4']),  # not asked
        ('相似', ['xiang1', 'si4']),  # not fixed, so pypinyin's
    ],
)
def test_the_network_decides_where_it_is_asked(readings, segment, read):
    assert readings(segment) == read


def test_the_network_gets_what_the_official_one_gets(readings, session):
    readings('我还钱')
    (inputs,) = session.asked
    assert {name: array.ndim for name, array in inputs.items()} == INPUTS
    assert [TOKENS[number] for number in inputs['input_ids'][0]] == [
        '[CLS]', '我', '還', '錢', '[SEP]',
    ]  # fmt: skip
    assert inputs['position_ids'].tolist() == [2]
    assert inputs['char_ids'].tolist() == [sorted('行還長不').index('還')]
    mask = inputs['phoneme_mask'][0]
    assert [label for label, allowed in zip(LABELS, mask, strict=True) if allowed] == sorted(
        ['ㄏㄞ2', 'ㄏㄨㄢ2']
    )
    assert {name for name, array in inputs.items() if array.dtype != np.int64} == {'phoneme_mask'}
    assert mask.dtype == np.float32


def test_only_the_surroundings_of_polyphones_are_shown(readings, session):
    readings('我' * 40 + '还' + '我' * 10 + '行' + '我' * 40)
    (inputs,) = session.asked
    assert inputs['input_ids'].shape == (2, 16 + 1 + 10 + 1 + 16 + 2)
    assert inputs['position_ids'].tolist() == [17, 28]


def test_a_very_long_segment_is_shown_in_windows_around_each_character(readings, session):
    readings('还' + '我' * 700 + '行')
    (inputs,) = session.asked
    assert inputs['input_ids'].shape == (2, 512)
    shown = [TOKENS[row[at]] for row, at in
             zip(inputs['input_ids'], inputs['position_ids'], strict=True)]  # fmt: skip
    assert shown == ['還', '行']


def test_no_polyphone_no_question(readings, session):
    assert readings('我们,')[::2] == ['wo3', ',']
    assert session.asked == []


def test_readings_reach_the_phonemes(readings):
    phonemes, word2ph = MandarinG2p(readings)('我还.')
    assert phonemes == ['w', 'o3', 'h', 'uan2', '.']
    assert word2ph == [2, 2, 1]


def test_the_model_in_the_folder_is_used(model_root, caplog):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('opencc')
    (model_root / MODEL_FOLDER / 'g2pW.onnx').write_bytes(network())
    with caplog.at_level(logging.INFO, 'gptsovits_ros.text.g2pw'):
        found = find_readings(model_root)
        assert found('我还钱,银行') == ['wo3', 'huan2', 'qian2', ',', 'yin2', 'hang2']
        frontend = TextFrontend(model_root=model_root)
        (span,) = frontend.phonemes('我还。', 'all_zh').spans[-1:]
    assert span.phonemes[-4:] == ('o3', 'h', 'uan2', '.')
    # Others log too, at this level or not: it depends on what ran before.
    told = [record for record in caplog.records if record.name == 'gptsovits_ros.text.g2pw']
    assert [record.levelname for record in told] == ['INFO', 'INFO']
    assert 'come from g2pW in' in caplog.text


def test_without_a_model_dictionaries_are_used_and_that_is_told(tmp_path, caplog):
    with caplog.at_level(logging.INFO, 'gptsovits_ros.text.g2pw'):
        assert find_readings(tmp_path) is None
        assert find_readings(None) is None
    (record,) = caplog.records
    assert 'come from dictionaries' in record.getMessage()


def test_a_model_without_the_package_that_runs_it_is_told(model_root, caplog, monkeypatch):
    (model_root / MODEL_FOLDER / 'g2pW.onnx').write_bytes(b'')
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    assert find_readings(model_root) is None
    assert 'onnxruntime' in caplog.text and 'gptsovits_ros[g2pw]' in caplog.text


def test_a_damaged_model_is_named(model_root):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('opencc')
    (model_root / MODEL_FOLDER / 'g2pW.onnx').write_bytes(b'no model')
    with pytest.raises(ConfigurationError, match='g2pW.onnx cannot be loaded'):
        find_readings(model_root)


@pytest.mark.parametrize(
    ('name', 'content', 'told'),
    [
        (f'{MODEL_FOLDER}/POLYPHONIC_CHARS.txt', None, 'POLYPHONIC_CHARS.txt'),
        (f'{MODEL_FOLDER}/MONOPHONIC_CHARS.txt', b'a b', 'line 1'),
        (f'{MODEL_FOLDER}/MONOPHONIC_CHARS.txt', b'\xff', 'UTF-8'),
        (f'{MODEL_FOLDER}/bopomofo_to_pinyin_wo_tune_dict.json', b'{', 'JSON'),
        (f'{MODEL_FOLDER}/bopomofo_to_pinyin_wo_tune_dict.json', b'[]', 'map'),
        (TOKENIZER, b'{}', 'vocabulary'),
    ],
)
def test_a_damaged_table_is_named(model_root, name, content, told):
    if content is None:
        (model_root / name).unlink()
    else:
        (model_root / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=told):
        G2pwReadings(
            SameNetwork(), model_root / MODEL_FOLDER, model_root / TOKENIZER, to_traditional
        )
