"""Which format each model gets, and what it costs in quality."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from gptsovits_ros.acoustic.config import SovitsConfig
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.engine.engine import Engine
from gptsovits_ros.engine.model_cache import ModelCache
from gptsovits_ros.engine.number_formats import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    INT8,
    Int8Linear,
    int8_exists,
)
from gptsovits_ros.engine.precision import INT8_FLAGS, ModelFormats, cpu_flags
from gptsovits_ros.errors import ConfigurationError
from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.semantic.kv_cache import KVCache
from gptsovits_ros.semantic.model import Text2Semantic, prefix_mask
from gptsovits_ros.settings import PRECISIONS, EngineSettings
from gptsovits_ros.types import SamplingParameters, SpeechRequest

CPU, GPU = torch.device('cpu'), torch.device('cuda:0')
NEWEST, OLD = frozenset({'avx512_vnni', 'avx512_bf16'}), frozenset({'avx2'})
# What ModelFormats.of finds for the CPU that runs the tests.
HALF_RANGE = not cpu_flags() & INT8_FLAGS
needs_int8 = pytest.mark.skipif(not int8_exists(), reason='this torch has no int8 layers')


@needs_int8
@pytest.mark.parametrize(
    ('precision', 'flags', 'formats'),
    [
        ('float32', NEWEST, ModelFormats()),
        ('bfloat16', NEWEST, ModelFormats(BFLOAT16, BFLOAT16, BFLOAT16)),
        ('int8', NEWEST, ModelFormats(INT8, INT8, BFLOAT16)),
        ('int8', OLD, ModelFormats(INT8, INT8, FLOAT32, half_range=True)),
        ('auto', NEWEST, ModelFormats(INT8, BFLOAT16, BFLOAT16)),
        ('auto', frozenset({'avx_vnni'}), ModelFormats(semantic=INT8)),
        ('auto', OLD, ModelFormats(semantic=INT8, half_range=True)),
        ('auto', frozenset(), ModelFormats()),
    ],
)
def test_the_cpu_decides_what_each_model_gets(precision, flags, formats):
    assert precision in PRECISIONS
    assert ModelFormats.of(precision, CPU, flags) == formats


def test_on_a_gpu_auto_is_float16_and_int8_is_refused():
    assert ModelFormats.of('auto', GPU, NEWEST) == ModelFormats(FLOAT16, FLOAT16, FLOAT16)
    assert ModelFormats.of('float16', GPU, NEWEST) == ModelFormats.of('auto', GPU, NEWEST)
    assert ModelFormats.of('auto', torch.device('xpu'), NEWEST) == ModelFormats()
    with pytest.raises(ConfigurationError, match='int8 is for the CPU'):
        ModelFormats.of('int8', GPU, NEWEST)


def test_a_misspelt_precision_is_refused():
    with pytest.raises(ConfigurationError, match='"fp8"; use one of auto, float32'):
        ModelFormats.of('fp8', CPU)


@pytest.mark.parametrize(('precision', 'flags'), [('bfloat16', OLD), ('float16', NEWEST)])
def test_a_format_that_is_slow_on_this_cpu_is_done_and_said(caplog, precision, flags):
    assert ModelFormats.of(precision, CPU, flags).semantic == precision
    assert 'float32 would be quicker' in caplog.text


def test_the_flags_of_the_first_cpu_are_read(tmp_path):
    file = tmp_path / 'cpuinfo'
    file.write_text('processor\t: 0\nflags\t\t: fpu avx512_vnni\n\nprocessor\t: 1\nflags\t: x\n')
    assert cpu_flags(file) == {'fpu', 'avx512_vnni'}
    file.write_text('processor\t: 0\nFeatures\t: fp asimd bf16\n')
    assert cpu_flags(file) == {'fp', 'asimd', 'bf16'}
    file.write_text('')
    assert cpu_flags(file) == cpu_flags(tmp_path / 'none') == frozenset()


@pytest.fixture(scope='module')
def gpt() -> Text2Semantic:
    torch.manual_seed(5)
    config = SemanticConfig(hidden_dim=128, head=4, n_layer=6, ffn_dim=512, bert_dim=16)
    return Text2Semantic(config).eval().requires_grad_(False)


# Largest error of the logits relative to them, and smallest part of equal first choices. Those of
# a random model are all nearly equally likely, so few of its choices are clear.
@needs_int8
@pytest.mark.parametrize(
    ('number_format', 'error', 'agreement'),
    [(BFLOAT16, 0.01, 0.97), (FLOAT16, 0.01, 0.97), (INT8, 0.04, 0.9)],
)
@torch.inference_mode()
def test_logits_of_a_quick_gpt_are_close(gpt, number_format, error, agreement):
    quick = copy.deepcopy(gpt)
    ModelFormats(semantic=number_format, half_range=HALF_RANGE).apply(quick)
    torch.manual_seed(6)
    text = torch.randint(700, (1, 30)), torch.randn(1, 16, 30), torch.randint(1024, (1, 200))
    exact, logits = gpt.teacher_forced(*text), quick.teacher_forced(*text)
    assert 0 < (logits - exact).norm() / exact.norm() < error
    assert (logits.argmax(-1) == exact.argmax(-1)).float().mean() >= agreement


@needs_int8
@torch.inference_mode()
def test_tokens_fed_one_by_one_in_int8_are_as_close_as_all_at_once(gpt):
    quick = copy.deepcopy(gpt)
    ModelFormats(semantic=INT8, half_range=HALF_RANGE).apply(quick)
    torch.manual_seed(8)
    ids, bert, tokens = torch.randint(700, (20,)), torch.randn(16, 20), torch.randint(1024, (40,))
    exact = gpt.teacher_forced(ids[None], bert[None], tokens[None])[0]
    cache = KVCache(gpt.config, 1, 20 + len(tokens))
    mask = prefix_mask(20, 0, 'cpu')
    hidden = quick.hidden_states(quick.embed_text(ids[None], bert[None]), mask, cache)[:, -1]
    steps = [quick.logits(hidden)]
    for place in range(len(tokens)):
        row = quick.embed_tokens(tokens[None, place : place + 1], place)
        steps.append(quick.logits(quick.hidden_states(row, None, cache)[:, -1]))
    assert 0 < (torch.cat(steps) - exact).norm() / exact.norm() < 0.04


@needs_int8
def test_the_same_seed_gives_the_same_tokens_in_int8(gpt):
    quick = copy.deepcopy(gpt)
    ModelFormats(semantic=INT8, half_range=HALF_RANGE).apply(quick)
    torch.manual_seed(9)
    inputs = torch.randint(700, (20,)), torch.randn(16, 20), torch.randint(1024, (10,))

    def tokens(seed):
        generator = torch.Generator().manual_seed(seed)
        return list(generate(quick, *inputs, SamplingParameters(), generator, max_tokens=20))

    assert tokens(1) == tokens(1) != tokens(2)


@pytest.mark.parametrize('number_format', [BFLOAT16, FLOAT16])
@torch.inference_mode()
def test_audio_of_a_quick_decoder_is_close(number_format):
    torch.manual_seed(7)
    model = Sovits(SovitsConfig(upsample_initial_channel=256)).eval().requires_grad_(False)
    quick = copy.deepcopy(model)
    ModelFormats(decoder=number_format).apply(quick)
    z, style = torch.randn(1, 192, 20), torch.randn(1, 512, 1)
    exact, wave = model.decoder(z, style), quick.decoder(z, style)
    assert wave.shape == exact.shape and wave.dtype == exact.dtype
    assert 0 < (wave - exact).norm() / exact.norm() < 0.01


def test_float32_changes_nothing(gpt):
    plain = copy.deepcopy(gpt)
    ModelFormats.of('float32', CPU).apply(plain)
    assert [type(part) for part in plain.modules()] == [type(part) for part in gpt.modules()]


def test_a_model_is_prepared_once_however_many_ask_for_it(tmp_path, gpt):
    file = tmp_path / 'model'
    file.write_bytes(b'x')
    prepared = []
    models = ModelCache(CPU, prepared.append)
    first = models.get(lambda path, device: copy.deepcopy(gpt), file)
    assert prepared == [first]

    def load(path, device):
        return copy.deepcopy(gpt)

    one, other = models.get(load, file), models.get(load, file)
    assert one is other and prepared == [first, one]


@needs_int8
def test_an_engine_computes_as_its_settings_say(tiny_voice):
    settings = EngineSettings(voice_root=str(tiny_voice.parent), device='cpu', threads=1)
    request = SpeechRequest('今天天气很好。', language='zh', seed=3)
    sizes = {}
    for precision in ('float32', 'float16', 'int8'):
        engine = Engine.load(replace(settings, precision=precision))
        layer = engine.loaded_voice().semantic.layers[0].linear1
        assert isinstance(layer, Int8Linear) == (precision == 'int8')
        sizes[precision] = engine.resident_bytes
        samples = np.concatenate([chunk.samples for chunk in engine.synthesize(request)])
        assert np.isfinite(samples).all() and samples.any()
    assert max(sizes['int8'], sizes['float16']) < sizes['float32']


def test_an_engine_of_an_unknown_precision_does_not_start(tiny_voice):
    settings = EngineSettings(voice_root=str(tiny_voice.parent), precision='fp8')
    with pytest.raises(ConfigurationError, match='use one of auto'):
        Engine.load(settings)
