"""Tokens from the alignment: of the right phoneme, and they stay when the corpus grows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.checkpoint.training import load_tokenizer
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.training.content_align import align, pair_scores
from gptsovits_ros.training.content_codes import (
    UNUSED,
    AlignedTokens,
    make_codes,
    read_code_labels,
    share_rows,
    token_runs,
    write_code_labels,
)
from gptsovits_ros.training.content_data import HeardClips, read_token_lists
from gptsovits_ros.training.content_losses import BLANK
from gptsovits_ros.training.content_pitch import ClipPitch, TokenPitch
from gptsovits_ros.training.content_student import START_FILE, read_codebook
from gptsovits_ros.training.content_tokens import (
    CODES_FILE,
    TokenSettings,
    read_token_maker,
    tokenize_corpus,
)
from gptsovits_ros.training.settings import AcousticSettings, build_settings

TEACHER = 7
SETTINGS = TokenSettings(size=16, width=78, teacher_width=TEACHER, epochs=12)


def scores_of(symbols, width=20):
    """Return log probabilities that are sure of one symbol per frame."""
    scores = np.full((len(symbols), width), -8.0)
    scores[np.arange(len(symbols)), symbols] = -0.01
    return scores


def test_alignment_gives_every_frame_and_splits_short_gaps_between_phonemes(monkeypatch):
    monkeypatch.setattr('gptsovits_ros.training.content_align.BLANK', 0)
    frames = [0] * 10 + [3] + [0] * 4 + [5] + [0] * 30 + [5, 5] + [0] * 3
    runs = align(scores_of(frames), [3, 5, 5])
    assert sum(count for _, count in runs) == len(frames)
    assert [symbol for symbol, _ in runs] == [0, 3, 5, 0, 5]
    assert dict(runs[:2]) == {0: 6, 3: 7}  # a margin before, half of the gap after
    assert runs[3] == (0, 22)  # the long gap without its margins


def test_a_gap_is_as_long_at_any_rate(monkeypatch):
    monkeypatch.setattr('gptsovits_ros.training.content_align.BLANK', 0)
    frames = np.array([3] * 4 + [0] * 20 + [5] * 4)
    whole = align(scores_of(frames), [3, 5])
    halves = align(scores_of(frames[::2]), [3, 5], 25)
    assert [(symbol, count / 2) for symbol, count in whole] == halves
    assert halves[1] == (0, 6)


def test_scores_of_two_frames_are_one():
    scores = torch.arange(10.0).reshape(5, 2)
    assert torch.equal(pair_scores(scores), torch.tensor([[1.0, 2.0], [5.0, 6.0]]))


def test_alignment_needs_a_blank_between_equal_phonemes(monkeypatch):
    monkeypatch.setattr('gptsovits_ros.training.content_align.BLANK', 0)
    runs = align(scores_of([4, 4, 4, 4, 4, 7]), [4, 4, 7])
    assert [symbol for symbol, _ in runs] == [4, 4, 7]
    assert sum(count for _, count in runs) == 6


def test_a_long_clip_is_aligned_with_all_its_phonemes():
    rng = np.random.default_rng(0)
    phonemes = rng.integers(100, 300, 150).tolist()
    runs = align(np.log(rng.dirichlet(np.ones(320), 700)), phonemes)
    assert [symbol for symbol, _ in runs if symbol != BLANK] == phonemes
    assert sum(count for _, count in runs) == 700


def tokens_of(labels, seed=0):
    """Return tokens of phonemes that sound different each time."""
    generator = torch.Generator().manual_seed(seed)
    places = np.linspace(0, 1, len(labels), dtype=np.float32)
    heard = torch.randn(len(labels), TEACHER, generator=generator)
    height = np.random.default_rng(seed).standard_normal(len(labels)).astype(np.float32)
    voiced = np.where(np.array(labels) == BLANK, 0, 1).astype(np.float32)
    return AlignedTokens(np.array(labels), places, heard, TokenPitch(height, voiced))


def codes_of(tokens, size=24):
    return make_codes(tokens, range(len(tokens)), size, 78, lambda text: None)


def test_a_token_is_always_a_variant_of_its_own_phoneme():
    # All phonemes sound alike, so that the nearest variant is often one of another phoneme.
    tokens = [tokens_of([5, 7, BLANK, 9] * 50, seed) for seed in range(3)]
    codes = codes_of(tokens)
    found = np.concatenate([codes.of(item) for item in tokens])
    wanted = np.concatenate([item.labels for item in tokens])
    assert (codes.labels.numpy()[found] == wanted).all()
    for label in (5, 7, BLANK, 9):
        assert len(np.unique(found[wanted == label])) > 1


def alike(**changes):
    """Return 400 tokens of one phoneme, all equal but for the changes."""
    zeros = np.zeros(400, dtype=np.float32)
    values = {'places': zeros, 'heard': torch.zeros(400, TEACHER), 'labels': np.full(400, 5)}
    return AlignedTokens(**values | {'pitch': TokenPitch(zeros, zeros + 1)} | changes)


def test_variants_are_what_sounds_alike():
    heard = torch.zeros(400, TEACHER)
    heard[::2, 0], heard[1::2, 0] = 9.0, -9.0
    tokens = alike(heard=heard)
    found = codes_of([tokens], size=8).of(tokens)
    assert not set(found[::2]) & set(found[1::2])


@pytest.mark.parametrize('voiced', [True, False])
def test_variants_tell_the_pitch_of_phonemes_that_have_a_voice(voiced):
    height = np.tile(np.array([-1.0, 1.0], dtype=np.float32), 200)
    share = np.full(400, 0.9 if voiced else 0.1, dtype=np.float32)
    tokens = alike(pitch=TokenPitch(height, share))
    codes = codes_of([tokens], size=8)
    found = codes.of(tokens)
    is_told = not set(found[::2]) & set(found[1::2])
    assert is_told == voiced
    low, high = codes.rows[found[0], -8:], codes.rows[found[1], -8:]
    assert (low.argmax() < high.argmax()) == voiced
    assert bool(codes.rows[found, -8:].any()) == voiced


def test_new_variants_keep_what_rows_say_of_phonemes():
    old = codes_of([tokens_of([5, 7] * 100)])
    tokens = [tokens_of([5, 7, 9] * 100, seed=3)]
    new = make_codes(tokens, [0], 24, 78, lambda text: None, old)
    for label in (5, 7):
        phoneme = old.rows[old.labels == label][0, :64]
        assert (new.rows[new.labels == label][:, :64] == phoneme).all()
    assert torch.equal(new.basis, old.basis) and torch.equal(new.mean, old.mean)
    assert not torch.equal(new.centres, old.centres)


def test_rows_of_a_phoneme_lie_together_and_unused_ones_far_away():
    tokens = [tokens_of([5, 7] * 100)]
    codes = codes_of(tokens)
    distance = torch.cdist(codes.rows, codes.rows)
    used = codes.labels != UNUSED
    assert used.sum() < 24  # a variant stands for some tokens at least
    alike = codes.labels[:, None] == codes.labels[None]
    assert distance[used][:, used].max() < distance[used][:, ~used].min()
    phonemes = codes.rows[used][:, :64]
    assert torch.equal(torch.cdist(phonemes, phonemes) < 0.5, alike[used][:, used])


def test_a_phoneme_without_a_code_is_an_error():
    codes = codes_of([tokens_of([5, 7] * 50)])
    with pytest.raises(ConfigurationError, match='no code stands for the phoneme'):
        codes.of(tokens_of([5, 8, 7]))


def test_more_phonemes_than_codes_are_an_error():
    with pytest.raises(ConfigurationError, match='2 codes are too few for 3 phonemes'):
        codes_of([tokens_of([5, 7, 9])], size=2)


def test_rows_are_shared_by_need_and_each_phoneme_gets_one():
    shares = share_rows({5: 10000, 6: 1000, 7: 30, 8: 0, BLANK: 50000}, 40)
    assert shares[7] == shares[8] == 1
    assert shares[5] > shares[6] > 1 and shares[BLANK] <= 8
    assert sum(shares.values()) == 40


@pytest.mark.parametrize(
    'labels, phonemes, runs',
    [
        ([5, 5, 7], [5, 7], [(5, 2), (7, 1)]),
        ([0, 5, 0, 0], [5], [(0, 1), (5, 1), (0, 2)]),
        ([5, 5, 5, 5, 5, 7], [5, 5, 7], [(5, 2), (5, 3), (7, 1)]),  # shared evenly
        ([5, 0, 5], [5, 5], [(5, 1), (0, 1), (5, 1)]),
        ([5, 0, 5, 5], [5, 5, 5], [(5, 1), (0, 1), (5, 1), (5, 1)]),
    ],
)
def test_tokens_tell_where_phonemes_are(monkeypatch, labels, phonemes, runs):
    monkeypatch.setattr('gptsovits_ros.training.content_codes.BLANK', 0)
    assert token_runs(labels, phonemes) == runs


@pytest.mark.parametrize('labels', [[5], [5, 7, 9], [7, 5]])
def test_tokens_of_other_phonemes_are_refused(labels):
    with pytest.raises(ConfigurationError, match='do not say'):
        token_runs(labels, [5, 7])


def test_labels_of_codes_are_read_as_they_were_written(tmp_path):
    labels = torch.tensor([5, 5, UNUSED, 9])
    write_code_labels(tmp_path / 'codes.tsv', labels)
    assert torch.equal(read_code_labels(tmp_path / 'codes.tsv', 4), labels)


@pytest.mark.parametrize(
    'text, message',
    [
        (None, 'missing or empty'),
        ('x\tb\n', 'no code and its phoneme'),
        ('4\tb\n', 'no code and its phoneme'),
        ('1\tnonsense\n', 'no code and its phoneme'),
    ],
)
def test_damaged_labels_are_refused(tmp_path, text, message):
    path = tmp_path / 'codes.tsv'
    if text:
        path.write_text(text, encoding='utf-8')
    with pytest.raises(ConfigurationError, match=message):
        read_code_labels(path, 4)


@pytest.fixture
def tokenized(content_corpus):
    """Return a function (corpus, settings, again) -> what was said, and the new tokens."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    (content_corpus / 'tokens.tsv').unlink()

    def run(is_again=False):
        said: list[str] = []
        count = tokenize_corpus(content_corpus, SETTINGS, said.append, is_again)
        return count, said, read_token_lists(content_corpus / 'tokens.tsv')

    yield run
    torch.set_num_threads(threads)


def test_every_clip_gets_tokens_that_say_its_phonemes(tokenized, content_corpus):
    count, said, tokens = tokenized()
    assert count == len(tokens) == 24
    assert [line.partition(':')[0] for line in said[-3:-1]] == ['dev-text', 'dev-speaker']
    labels = read_code_labels(content_corpus / 'codes.tsv', 16)
    clips = HeardClips(content_corpus, TEACHER, said.append)
    for index in range(24):
        row = tokens[clips.clip(index).name]
        assert len(row) == clips.frames(index) // 2
        phonemes = clips.batch([index]).phonemes[0].tolist()
        token_runs(labels[row].tolist(), phonemes)  # raises where they do not


def test_a_corpus_that_grows_keeps_its_tokens_and_its_codes(tokenized, content_corpus):
    table = content_corpus / 'corpus.tsv'
    everything = table.read_text('utf-8')
    table.write_text(''.join(everything.splitlines(keepends=True)[:16]), encoding='utf-8')
    count, _, old = tokenized()
    assert count == len(old) == 15
    files = [content_corpus / name for name in (CODES_FILE, 'codes.tsv', START_FILE)]
    before = [path.read_bytes() for path in files]
    files[1].unlink()  # what follows from the codes comes back
    # Of an old clip, to see that it is not made again.
    lines = content_corpus / 'tokens.tsv'
    lines.write_text(lines.read_text('utf-8').replace('clip00\t', 'clip00\t7 '), encoding='utf-8')
    table.write_text(everything, encoding='utf-8')
    count, said, grown = tokenized()
    assert (count, len(grown), said) == (9, 24, [])
    assert [path.read_bytes() for path in files] == before
    assert grown['clip00'].tolist() == [7, *old['clip00'].tolist()]
    for name in old.keys() - {'clip00'}:
        assert np.array_equal(old[name], grown[name]), name
    # All of it anew: the variants may move now, the aligner stays.
    aligner = read_token_maker(files[0]).aligner.state_dict()
    count, _, fresh = tokenized(is_again=True)
    assert count == 24 and len(fresh['clip00']) == len(old['clip00'])
    after = read_token_maker(files[0]).aligner.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in aligner.items())


def test_a_clip_has_the_same_tokens_whenever_it_comes(tokenized, content_corpus):
    _, _, whole = tokenized()
    (content_corpus / 'tokens.tsv').unlink()
    _, _, again = tokenized()
    assert whole.keys() == again.keys()
    for name, row in whole.items():
        assert np.array_equal(row, again[name]), name


@pytest.mark.parametrize(
    'spoil, message',
    [
        (lambda path: path.unlink(), 'cannot read the pitch of clip05.*pitch.py makes it'),
        (lambda path: path.write_bytes(b'no'), 'cannot read the pitch of clip05'),
        (lambda path: np.save(path, np.zeros(3)), r'the pitch of clip05 is \[3\], not'),
    ],
)
def test_a_clip_without_its_pitch_is_an_error(tokenized, content_corpus, spoil, message):
    spoil(content_corpus / 'pitch' / 'clip05.npy')
    with pytest.raises(ConfigurationError, match=message):
        tokenized()


def test_the_pitch_of_a_token_is_above_the_mean_of_its_speaker(content_corpus):
    clips = HeardClips(content_corpus, TEACHER, lambda text: None)
    pitch = ClipPitch(content_corpus, clips)
    for index in range(len(clips)):
        frames = np.load(content_corpus / 'pitch' / f'{clips.clip(index).name}.npy')
        count = clips.frames(index) // 2
        found = pitch.of(index, count)
        assert found.height.shape == found.voiced.shape == (count,)
        pairs = frames[: 2 * count].reshape(count, 2)
        assert np.array_equal(found.voiced, 1 - np.isnan(pairs).mean(1))
        # Also between voices: high clips are 50 % above the low ones, so the mean lies between.
        is_high = np.nanmax(frames) > np.log(180 + 50 * int(clips.clip(index).speaker[1:]))
        assert (found.height > 0 if is_high else found.height < 0).all()


def test_a_clip_without_any_voice_has_no_pitch(content_corpus):
    path = content_corpus / 'pitch' / 'clip05.npy'
    np.save(path, np.full_like(np.load(path), np.nan))
    clips = HeardClips(content_corpus, TEACHER, lambda text: None)
    index = [clips.clip(index).name for index in range(len(clips))].index('clip05')
    found = ClipPitch(content_corpus, clips).of(index, 4)
    assert not found.height.any() and not found.voiced.any()


def test_a_new_clip_with_an_unknown_phoneme_is_left_out_and_named(tokenized, content_corpus):
    tokenized()
    path = content_corpus / 'phonemes.tsv'
    lines = path.read_text('utf-8').splitlines()
    path.write_text('\n'.join(['clip00\tb ZH c', *lines[1:]]) + '\n', encoding='utf-8')
    tokens = content_corpus / 'tokens.tsv'
    tokens.write_text(tokens.read_text('utf-8').partition('\n')[2], encoding='utf-8')
    count, said, found = tokenized()
    assert count == 0 and 'clip00' not in found and len(found) == 23
    assert said == [
        'clip00 is left out: no code stands for the phoneme ZH; --again makes all codes anew'
    ]


def test_tokens_without_their_codes_are_not_written_over(tokenized, content_corpus):
    tokenized()
    before = (content_corpus / 'tokens.tsv').read_bytes()
    (content_corpus / CODES_FILE).unlink()
    with pytest.raises(ConfigurationError, match='not the codes.safetensors'):
        tokenized()
    assert (content_corpus / 'tokens.tsv').read_bytes() == before


@pytest.mark.parametrize('name, message', [(START_FILE, 'holds no codes'), ('no', 'cannot read')])
def test_another_file_holds_no_codes(content_corpus, name, message):
    path = content_corpus / (name if name == START_FILE else 'no.safetensors')
    with pytest.raises(CheckpointError, match=message):
        read_token_maker(path)


def test_acoustic_model_finds_the_tokens_of_the_rows(content_corpus, settings_tree):
    codebook = read_codebook(content_corpus / START_FILE)
    model = build_settings(AcousticSettings, settings_tree('acoustic'), 'test').model
    sovits = Sovits(model).eval().requires_grad_(False)
    load_tokenizer(sovits, content_corpus / START_FILE)
    tokens = torch.arange(16)
    features = codebook.rows.T.repeat_interleave(2, 1)[None]  # each row for two frames
    assert torch.equal(codebook.tokens(features)[0], tokens)
    assert torch.equal(sovits.tokens_from_features(features)[0], tokens)
    noisy = features + 0.8 * torch.randn(features.shape)
    found = codebook.tokens(noisy)
    assert torch.equal(found, sovits.tokens_from_features(noisy))
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(found, codebook.tokens(noisy))
