"""Cases e2e_*: a request through the whole pipeline, compared with the integers of upstream."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptsovits_ros.audio import join, pcm
from gptsovits_ros.audio.files import load_prompt_16k
from gptsovits_ros.checkpoint.encoders import load_bert, load_hubert, speaker_model
from gptsovits_ros.checkpoint.load import RUNNABLE_VERSIONS, semantic_model
from gptsovits_ros.checkpoint.weights import read_weights
from gptsovits_ros.encoders.bert import BertEncoder
from gptsovits_ros.encoders.speaker import SpeakerEncoder
from gptsovits_ros.engine.acoustic_model import VoicePrompt
from gptsovits_ros.engine.loaded_voice import TextCondition, text_condition
from gptsovits_ros.engine.sovits_adapter import SovitsAdapter
from gptsovits_ros.parity import recipe
from gptsovits_ros.parity.acoustic import recipe_model
from gptsovits_ros.parity.encoders import arrange_encoders
from gptsovits_ros.parity.glue import official_int16
from gptsovits_ros.parity.golden import Golden
from gptsovits_ros.parity.report import Row, compared, todo
from gptsovits_ros.parity.upstream_streaming import fixed_chunks, stream_audio
from gptsovits_ros.semantic.generate import generate, generate_batch
from gptsovits_ros.text.frontend import TextFrontend
from gptsovits_ros.types import SamplingParameters, Segment

# The goldens were made with max_sec = 1, and upstream stops past 50 codes per second of it.
EARLY_STOP = 50
INT16_TOLERANCE = 3
PAUSE_RATE = 32000


class Pipeline:
    """The parts of a case, put together as upstream's inference does."""

    def __init__(self, folder: Path) -> None:
        self.golden = Golden(folder)
        self.acoustic = recipe_model((folder / self.golden.meta['s2']).parent)
        checkpoint = folder / self.golden.meta['t2s']
        self.semantic = semantic_model(read_weights(checkpoint), checkpoint.name)
        with tempfile.TemporaryDirectory() as scratch:
            bert, hubert = arrange_encoders(
                folder,
                Path(scratch),
                recipe.weights(folder / 'bert_recipe.json'),
                recipe.weights(folder / 'hubert_recipe.json'),
            )
            self.bert: BertEncoder = load_bert(bert)
            features = load_hubert(hubert)(load_prompt_16k(folder / 'ref.wav'))
        self.prompt_tokens = self.acoustic.tokens_from_features(features)[0]
        self.frontend = TextFrontend(self.acoustic.config.symbols, upstream_compatible=True)
        self.prompt = self.frontend.prompt(
            self.golden.meta['prompt'], self.golden.meta['prompt_lang']
        )
        self.style: Tensor = SovitsAdapter(self.acoustic, self._speaker_encoder).condition(
            VoicePrompt(
                (folder / 'ref.wav',), self.prompt_tokens, torch.from_numpy(self.prompt.ids)
            )
        )

    def _speaker_encoder(self) -> SpeakerEncoder:
        """Return the speaker encoder of a case whose version needs one."""
        path = self.golden.folder / self.golden.meta['sv']
        return speaker_model(recipe.weights(path), path.name)

    def condition(self, segment: Segment) -> TextCondition:
        """Return ids and BERT features of a segment."""
        return self._condition(self.frontend.read(segment))

    def _condition(self, phonemes: Any) -> TextCondition:
        return text_condition(phonemes, self.bert, self.semantic.config.bert_dim, 'cpu')

    def prompt_condition(self) -> TextCondition:
        """Return ids and BERT features of the reference text."""
        return self._condition(self.prompt)

    def codes(self, texts: list[TextCondition], request: dict[str, Any]) -> list[list[int]]:
        """Return the tokens of each text, with what upstream loses at an early stop left out."""
        sampling = SamplingParameters(
            request['top_k'],
            request['top_p'],
            request['temperature'],
            request['repetition_penalty'],
        )
        rng = torch.Generator().manual_seed(request['seed'])
        if not request['prompt_text']:
            return [
                list(
                    generate(
                        self.semantic,
                        text.ids,
                        text.bert,
                        self.prompt_tokens[:0],
                        sampling,
                        rng,
                        max_tokens=EARLY_STOP + 1,
                    )
                )
                for text in texts
            ]
        prompt = self.prompt_condition()
        whole = [prompt + text for text in texts]
        if request['parallel_infer']:
            made = generate_batch(
                self.semantic,
                [(text.ids, text.bert) for text in whole],
                self.prompt_tokens,
                sampling,
                rng,
                max_tokens=EARLY_STOP + 1,
            )
            return [codes[:EARLY_STOP] for codes in made]
        made = [
            list(
                generate(
                    self.semantic,
                    text.ids,
                    text.bert,
                    self.prompt_tokens,
                    sampling,
                    rng,
                    max_tokens=EARLY_STOP + 1,
                )
            )
            for text in whole
        ]
        return [codes[-EARLY_STOP:] for codes in made]

    def waves(
        self, codes: list[list[int]], texts: list[TextCondition], speed: float
    ) -> list[np.ndarray]:
        """Decode a batch: in one call at speed 1, else one by one."""
        if speed != 1.0:
            return [
                self._decode(one, text.ids, speed) for one, text in zip(codes, texts, strict=True)
            ]
        joined = self._decode(
            [code for one in codes for code in one], torch.cat([text.ids for text in texts]), 1.0
        )
        cuts = np.cumsum([len(one) * self.acoustic.config.samples_per_token for one in codes])[:-1]
        return np.split(joined, cuts)

    def _decode(self, codes: list[int], ids: Tensor, speed: float) -> np.ndarray:
        wave = self.acoustic.decode(torch.tensor([codes]), ids[None], self.style, speed=speed)
        return wave[0, 0].numpy()


@torch.inference_mode()
def run(folder: Path) -> Iterator[Row]:
    """Yield rows for the reference and for every request of the case."""
    version = Golden(folder / '..' / Path(Golden(folder).meta['s2']).parent.name).meta['version']
    if version not in RUNNABLE_VERSIONS:
        yield todo(folder.name, 'all', f'GPT-SoVITS {version}')
        return
    pipeline = Pipeline(folder)
    golden = pipeline.golden
    yield golden.equal('prompt_phones', pipeline.prompt.ids, golden.meta['prompt_phones'])
    yield golden.equal('prompt_semantic', pipeline.prompt_tokens, golden.tensor('prompt_semantic'))
    yield golden.latent('prompt_bert_first4ch', pipeline.prompt_condition().bert[:4])
    for job in golden.meta['jobs']:
        yield from _job(pipeline, job)


def _job(pipeline: Pipeline, job: dict[str, Any]) -> Iterator[Row]:
    request, golden = job['request'], pipeline.golden
    name = f'job{job["job"]}'
    segments = pipeline.frontend.segments(
        request['text'], request['text_lang'], request['text_split_method']
    )
    texts = [pipeline.condition(segment) for segment in segments]
    if request.get('streaming_mode'):
        decoded, wave = _stream(pipeline, texts, request)
    else:
        decoded, wave = _whole(pipeline, segments, texts, request)
    yield compared(
        golden.name,
        f'{name}_decoded_codes',
        float(decoded != job['decoded_codes']),
        0,
        f'{sum(map(len, decoded))} codes',
    )
    found, wanted = official_int16(wave), golden.tensor(f'{name}_audio_int16').numpy()
    error = float('inf')
    if found.shape == wanted.shape:
        error = float(np.abs(found.astype(int) - wanted.astype(int)).max())
    yield compared(
        golden.name,
        f'{name}_audio_int16',
        error,
        INT16_TOLERANCE,
        f'{len(found)} samples, in steps of 16 bits',
    )


def _whole(
    pipeline: Pipeline,
    segments: list[Segment],
    texts: list[TextCondition],
    request: dict[str, Any],
) -> tuple[list[list[int]], np.ndarray]:
    """Speak in batches; return the tokens of each decode, and the joined audio."""
    lengths = [len(pipeline.frontend.read(segment).norm_text) for segment in segments]
    batches = join.to_batches(lengths, request.get('batch_size', 1))
    speed = request.get('speed_factor', 1.0)
    decoded, pieces = [], []
    for batch in batches:
        chosen = [texts[index] for index in batch]
        codes = pipeline.codes(chosen, request)
        pieces += pipeline.waves(codes, chosen, speed)
        decoded += codes if speed != 1.0 else [[code for one in codes for code in one]]
    ordered = join.in_text_order(batches, pieces)
    return decoded, join.join_segments(
        ordered, pipeline.acoustic.config.sample_rate, request['fragment_interval'], PAUSE_RATE
    )


def _stream(
    pipeline: Pipeline, texts: list[TextCondition], request: dict[str, Any]
) -> tuple[list[list[int]], np.ndarray]:
    """Speak in chunks inside the sentence; return all tokens so far at each decode, and audio."""
    decoded, pieces = [], []
    prompt = pipeline.prompt_condition()
    rng = torch.Generator().manual_seed(request['seed'])
    sampling = SamplingParameters(top_k=request['top_k'])
    for text in texts:
        whole = prompt + text
        tokens = generate(
            pipeline.semantic,
            whole.ids,
            whole.bert,
            pipeline.prompt_tokens,
            sampling,
            rng,
            max_tokens=EARLY_STOP + 1,
        )
        chunks = list(fixed_chunks(tokens, request['min_chunk_length']))
        for so_far, audio in stream_audio(pipeline.acoustic, chunks, text.ids, pipeline.style):
            decoded.append(so_far)
            pieces.append(audio)
        pieces.append(pcm.silence(request['fragment_interval'], PAUSE_RATE))
    return decoded, np.concatenate(pieces)
