"""Speak with genie-tts, for `bench.peers`: WORK THREADS.

It gets the phonemes that ours makes, since it reads them from data that is not at hand; its BERT
is an ONNX file of the same weights, and its HuBERT, which is not timed, one that gives the
features that ours computes of the prompt.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
from exchange import Clock, answer, limit_cores


def load(work: Path, threads: int):
    """Return what speaks."""
    os.environ['GENIE_DATA_DIR'] = str(work / 'GenieData')
    limit_sessions(threads)
    inputs = json.loads((work / 'inputs.json').read_text())
    import genie_tts
    from genie_tts.Core.Inference import GENIE
    from genie_tts.ModelManager import model_manager

    genie_tts.load_character('standin', work / 'genie', 'zh')
    model_manager.load_roberta_model()
    model_manager.load_cn_hubert()
    model = model_manager.get('standin')
    # It leaves out the token of its last step.
    tokens = Limited(model.T2S_STAGE_DECODER, inputs['tokens'] + 1)

    def features(name: str) -> tuple[np.ndarray, np.ndarray]:
        known = inputs[name]
        ids = np.array([known['bert_ids']], dtype=np.int64)
        feed = {
            'input_ids': ids,
            'attention_mask': np.ones_like(ids),
            'repeats': np.array(known['word2ph'], dtype=np.int64),
        }
        bert = model_manager.roberta_model.run(None, feed)[0]
        return np.array([known['ids']], dtype=np.int64), bert

    reference = np.load(work / 'prompt.npz')
    prompt_ids, prompt_bert = features('prompt')

    def speak(seed: int) -> dict[str, float]:
        clock = Clock()
        ids, bert = features('text')
        codes = GENIE().t2s_cpu(
            prompt_ids,
            prompt_bert,
            ids,
            bert,
            reference['content'],
            model.T2S_ENCODER,
            model.T2S_FIRST_STAGE_DECODER,
            tokens,
        )
        # A token of a random GPT may be the end token, which has no sound.
        feed = {
            'text_seq': ids,
            'pred_semantic': np.minimum(codes, 1023),
            'ref_audio': reference['audio_32k'],
        }
        wave = model.VITS.run(None, feed)[0]
        clock.piece(wave.size)
        return clock.result(32000)

    return speak


class Limited:
    """A session of the token loop that ends after so many tokens, as the other programs do."""

    def __init__(self, session, tokens: int) -> None:
        self._session, self._tokens, self._count = session, tokens, 0

    def get_inputs(self):
        """Begin an utterance."""
        self._count = 0
        return self._session.get_inputs()

    def run(self, names, feed):
        """Draw one token."""
        y, embedded, _, *cache = self._session.run(names, feed)
        self._count += 1
        return [y, embedded, self._count >= self._tokens, *cache]


def limit_sessions(threads: int) -> None:
    """Let ONNX Runtime use so many threads per session."""
    import onnxruntime

    whole = onnxruntime.InferenceSession

    class Session(whole):
        def __init__(self, path, sess_options=None, **options) -> None:
            sess_options = sess_options or onnxruntime.SessionOptions()
            sess_options.intra_op_num_threads = threads
            super().__init__(path, sess_options=sess_options, **options)

    onnxruntime.InferenceSession = Session


if __name__ == '__main__':
    limit_cores(int(sys.argv[2]))
    answer(lambda: load(Path(sys.argv[1]), int(sys.argv[2])))
