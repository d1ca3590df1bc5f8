"""The GPT is kept to its text: every phoneme once, in order, then the end."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from gptsovits_ros.semantic.config import SemanticConfig
from gptsovits_ros.semantic.generate import generate
from gptsovits_ros.semantic.model import Text2Semantic, prefix_mask
from gptsovits_ros.semantic.text_path import (
    MOST_BEFORE,
    MOST_BEHIND,
    MOST_OF_PHONEME,
    PAUSE,
    UNSAID,
    VARIANT_TEMPERATURE,
    CodePhonemes,
    TextPath,
    count_endings,
)
from gptsovits_ros.semantic.text_places import token_places, window_mask
from gptsovits_ros.types import SamplingParameters

SILENCE = 0
# Two codes each of phonemes 3, 4 and 5, two of silence, one that says nothing.
LABELS = np.array([SILENCE, SILENCE, 3, 3, 4, 4, 5, 5, -1])
END = len(LABELS)


def codes(longest: int = 4) -> CodePhonemes:
    """Return phonemes of which half end after each token."""
    endings = np.full((3, longest), 0.5, dtype=np.float32)
    endings[:, -1] = 1.0
    return CodePhonemes(LABELS, SILENCE, np.array([3, 4, 5]), endings)


def random_gpt(seed: int, **sizes: int) -> Text2Semantic:
    """Return a GPT of these codes that has learned nothing."""
    torch.manual_seed(seed)
    config = SemanticConfig(
        vocab_size=END + 1,
        eos=END,
        hidden_dim=16,
        head=2,
        ffn_dim=16,
        bert_dim=4,
        max_tokens=200,
        **sizes,
    )
    return Text2Semantic(config).eval().requires_grad_(False)


def possible(path: TextPath) -> set[int]:
    """Return the tokens that may come, END for the end."""
    return set(torch.isfinite(path.log_odds()).nonzero()[:, 0].tolist())


def after(path: TextPath, *tokens: int) -> set[int]:
    """Return the tokens that may come after these, each of which must be possible."""
    for token in tokens:
        assert token in possible(path), token
        path.take(token)
    return possible(path)


def test_begins_with_silence_or_the_first_phoneme():
    assert possible(TextPath(codes(), [3, 4])) == {0, 1, 2, 3}


def test_goes_on_or_to_the_next_phoneme():
    assert after(TextPath(codes(), [3, 4, 5]), 2) == {2, 3, 4, 5}


def test_silence_comes_only_where_the_text_has_a_pause():
    assert after(TextPath(codes(), [3, PAUSE, 4]), 3) == {0, 1, 2, 3, 4, 5}


def test_after_a_silence_the_phoneme_before_it_does_not_come_again():
    assert after(TextPath(codes(), [3, PAUSE, 4]), 3, 1) == {0, 1, 4, 5}


def test_end_comes_only_behind_the_last_phoneme():
    path = TextPath(codes(), [3, 4])
    assert END not in after(path, 2)
    assert after(path, 4) == {0, 1, 4, 5, END}
    assert after(path, 0) == {0, 1, END}


def test_no_phoneme_outlasts_its_longest_run():
    assert after(TextPath(codes(longest=3), [3, 4]), 2, 2, 3) == {4, 5}


@pytest.mark.parametrize('spoken, tokens, most', [([3], [], MOST_BEFORE), ([3], [2], MOST_BEHIND)])
def test_silence_ends(spoken, tokens, most):
    path = TextPath(codes(), spoken)
    after(path, *tokens, *[0] * (most - 1))
    assert 0 in possible(path)
    assert 0 not in after(path, 0)


def test_two_equal_phonemes_last_as_one_and_then_the_next_may_come():
    path = TextPath(codes(longest=6), [3, 3, 4])
    assert after(path, 2) == {2, 3}
    assert after(path, 2) == {2, 3, 4, 5}
    assert END in after(path, 4)


def test_what_usually_ends_is_more_likely_to_end():
    endings = np.array([[0.1, 0.9, 1.0]] * 3, dtype=np.float32)
    path = TextPath(CodePhonemes(LABELS, SILENCE, np.array([3, 4, 5]), endings), [3, 4])
    path.take(2)
    odds = path.log_odds().exp()
    assert odds[4] == pytest.approx(0.1) and odds[2] == pytest.approx(0.9)
    path.take(2)
    odds = path.log_odds().exp()
    assert odds[4] == pytest.approx(0.9) and odds[2] == pytest.approx(0.1)


def steered(path: TextPath, *tokens: int) -> set[int]:
    """Return the tokens that are left after these of a model that has no opinion."""
    for token in tokens:
        path.steer(torch.zeros(1, END + 1))
        path.take(token)
    return set(torch.isfinite(path.steer(torch.zeros(1, END + 1))[0]).nonzero()[:, 0].tolist())


def test_a_phoneme_lasts_about_the_median_of_how_long_it_lasts():
    endings = np.array([[0.1, 0.2, 0.5, 0.5, 1.0]] * 3, dtype=np.float32)
    every = CodePhonemes(LABELS, SILENCE, np.array([3, 4, 5]), endings)
    # Of phonemes 90 % last more than one token, 72 % more than two, 36 % more than three.
    for run, left in ((1, {2, 3}), (2, {2, 3}), (3, {4, 5})):
        assert steered(TextPath(every, [3, 4]), *[2] * run) == left
    # Its own median, not what is left of that of the one before.
    assert steered(TextPath(every, [3, 4, 5]), 2, 2, 2, 4) == {4, 5}


def test_phonemes_that_are_told_to_last_longer_or_shorter_do():
    endings = np.array([[0.1, 0.2, 0.5, 0.5, 1.0]] * 3, dtype=np.float32)
    every = CodePhonemes(LABELS, SILENCE, np.array([3, 4, 5]), endings)
    lasting = {3: 0.3, 4: 0.8}
    # 36 % last more than three tokens, 18 % more than four; the other phonemes do not count.
    for run, left in ((3, {2, 3}), (4, {4, 5})):
        assert steered(TextPath(every, [3, 4], lasting), *[2] * run) == left
    assert steered(TextPath(every, [3, 4, 5], lasting), 2, 2, 2, 2, 4, 4) == {6, 7}
    assert steered(TextPath(every, [5, 4], lasting), 6, 6, 6) == {4, 5}


def test_what_the_model_is_sure_of_lasts_as_long_as_it_says():
    path = TextPath(codes(longest=9), [3, 4])
    sure = torch.zeros(1, END + 1)
    sure[0, 2:4] = 6.0
    path.take(2)
    for _ in range(8):
        assert torch.isfinite(path.steer(sure))[0].nonzero()[:, 0].tolist() == [2, 3]
        path.take(2)
    assert torch.isfinite(path.steer(sure))[0].nonzero()[:, 0].tolist() == [4, 5]


def test_it_begins_with_silence_and_then_with_what_is_likelier():
    logits = torch.zeros(1, END + 1)
    logits[0, 2:4] = 20.0
    path = TextPath(codes(), [3, 4])
    for left, token in (([0, 1], 1), ([2, 3], 2)):
        assert torch.isfinite(path.steer(logits))[0].nonzero()[:, 0].tolist() == left
        path.take(token)


def test_unlikely_variants_are_rarer_than_the_gpt_believes():
    path = TextPath(codes(), [3, 4])
    path.take(0)
    logits = torch.full((1, END + 1), -20.0)
    logits[0, 2], logits[0, 3] = math.log(0.8), math.log(0.2)
    left = torch.softmax(path.steer(logits)[0], dim=-1)
    assert float(left[3] / left[2]) == pytest.approx(0.25 ** (1 / VARIANT_TEMPERATURE))


@pytest.mark.parametrize('pause, left', [(0.3, {4, 5}), (0.7, {0, 1})])
def test_a_pause_is_made_where_all_silences_together_are_likelier_than_none(pause, left):
    """Neither of the two silences is likelier than the one token of the phoneme that follows."""
    path = TextPath(codes(longest=1), [3, PAUSE, 4])
    path.take(2)
    logits = torch.full((1, END + 1), -20.0)
    logits[0, 0:2], logits[0, 4] = math.log(pause / 2), math.log(1 - pause)
    assert set(torch.isfinite(path.steer(logits)[0]).nonzero()[:, 0].tolist()) == left


def test_place_is_that_of_the_alignment():
    """As training sees it: silence belongs to the punctuation that it stands for."""
    text = [3, PAUSE, PAUSE, 4, UNSAID, 4, 5, PAUSE]
    ids = np.array([3, 90, 91, 4, 92, 4, 5, 90])
    tokens = [0, 2, 3, 1, 0, 4, 5, 4, 6, 7, 0]
    path = TextPath(codes(), text)
    places = []
    for token in tokens:
        path.take(token)
        places.append(path.place)
    assert places == [0, 0, 0, 2, 2, 3, 3, 3, 6, 6, 7]
    assert places == token_places(ids, LABELS[tokens]).tolist()
    assert path.text_rows == len(text)


def test_endings_are_counted_from_runs():
    clips = [[0, 2, 3, 4, 0], [2, 2, 2, 5, 5], [0, 3, 2, 4, 4]] * 200
    found = count_endings(LABELS, clips, SILENCE)
    assert found.phonemes.tolist() == [3, 4, 5]
    # Phoneme 3 lasts 2, 3 and 2 tokens, phoneme 4 lasts 1, 2 and 2.
    assert found.ending(3, 1) == pytest.approx(0.0, abs=0.02)
    assert found.ending(3, 2) == pytest.approx(2 / 3, abs=0.02)
    assert found.ending(3, 3) == 1.0
    assert found.ending(4, 1) == pytest.approx(1 / 3, abs=0.02)
    # Never said: as long as any, and not for ever.
    assert 0 < found.ending(5, 1) < 1
    assert found.ending(5, MOST_OF_PHONEME + 5) == 1.0


@pytest.mark.parametrize('spoken', [[3], [3, 5, 4, 3, 5]])
@pytest.mark.parametrize('seed', range(4))
def test_gpt_that_knows_nothing_says_every_phoneme_once(seed, spoken):
    """Random weights babble; on the path they say the text and end, however short it is."""
    model = random_gpt(seed, n_layer=1)
    path = TextPath(codes(), [*spoken[:2], PAUSE, *spoken[2:]])
    tokens = list(
        generate(
            model,
            torch.tensor(spoken),
            torch.zeros(4, len(spoken)),
            torch.zeros(0, dtype=torch.long),
            SamplingParameters(),
            torch.Generator().manual_seed(seed),
            path=path,
        )
    )
    runs = [label for label, _ in itertools.groupby(LABELS[tokens].tolist())]
    assert [label for label in runs if label != SILENCE] == spoken
    assert len(tokens) < 4 * len(spoken) + MOST_BEFORE + MOST_BEHIND + 12


@pytest.mark.parametrize('with_prompt', [False, True])
def test_drawing_sees_what_training_sees(with_prompt):
    """Tokens that see a window of the text: drawn one by one, and all at once with a mask."""
    model = random_gpt(1, n_layer=2, text_ahead=2)
    prompt = torch.tensor([0, 6, 7, 2, 1] if with_prompt else [], dtype=torch.long)
    prompt_ids = [5, 3, 90] if with_prompt else []
    ids = torch.tensor([*prompt_ids, 3, 4, 90, 5, 4, 90])
    bert = torch.zeros(4, len(ids))
    path = TextPath(codes(), [3, 4, PAUSE, 5, 4, PAUSE])
    greedy = SamplingParameters(temperature=0.0, top_k=1)
    drawn = list(generate(model, ids, bert, prompt, greedy, torch.Generator(), path=path))
    tokens = torch.cat([prompt, torch.tensor(drawn)])
    spoken = LABELS[tokens.numpy()]
    places = [
        token_places(ids.numpy()[: len(prompt_ids)], spoken[: len(prompt)]),
        len(prompt_ids) + token_places(ids.numpy()[len(prompt_ids) :], spoken[len(prompt) :]),
    ]
    mask = prefix_mask(len(ids), len(tokens), 'cpu')
    places = torch.from_numpy(np.concatenate(places))[None]
    mask[..., len(ids) :, : len(ids)] = window_mask(places, len(ids), 2)
    h = torch.cat([model.embed_text(ids[None], bert[None]), model.embed_tokens(tokens[None])], 1)
    logits = model.logits(model.hidden_states(h, mask))[0, len(ids) - 1 + len(prompt) :]
    path = TextPath(codes(), [3, 4, PAUSE, 5, 4, PAUSE])
    for row, token in zip(logits, [*drawn, END], strict=True):
        assert int(path.steer(row[None]).argmax()) == token
        if token != END:
            path.take(token)
    # It makes a difference what they see.
    everything = model.hidden_states(h, prefix_mask(len(ids), len(tokens), 'cpu'))
    assert not torch.allclose(model.logits(everything)[0, len(ids) - 1 + len(prompt) :], logits)


def test_a_window_is_the_phoneme_that_is_said_and_those_ahead():
    mask = window_mask(torch.tensor([[0, 2, 4]]), 5, 1)
    assert mask[0, 0].int().tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
