"""The tokenizer learns, is deterministic, goes on exactly, and exports what it is."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch

from gptsovits_ros.acoustic.quantizer import Quantizer
from gptsovits_ros.acoustic.sovits import Sovits
from gptsovits_ros.checkpoint.content import load_content_encoder
from gptsovits_ros.checkpoint.training import load_tokenizer
from gptsovits_ros.checkpoint.weights import write_weights
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.text.symbols import symbol_ids
from gptsovits_ros.training.content_align import (
    align,
    align_clips,
    reading_error,
    train_aligner,
)
from gptsovits_ros.training.content_augment import AugmentSettings, augment, change_tempo
from gptsovits_ros.training.content_data import NO_LABEL, ContentClips, read_alignment
from gptsovits_ros.training.content_export import START_FILE, TOKENIZER_FILE, export_tokenizer
from gptsovits_ros.training.content_losses import (
    BLANK,
    edit_distance,
    phoneme_loss,
    read_phonemes,
    regression_loss,
)
from gptsovits_ros.training.content_tokenizer import Codebook
from gptsovits_ros.training.content_trainer import ContentSettings, ContentTrainer
from gptsovits_ros.training.loop import Loop
from gptsovits_ros.training.prepare import read_lists, read_wave
from gptsovits_ros.training.progress import Progress
from gptsovits_ros.training.settings import AcousticSettings, build_settings

TEACHER = 7
SETTINGS = {
    'model': {'width': 6, 'hidden_channels': 8, 'n_layers': 1, 'kernel_size': 3, 'bands': 20},
    'run': {'steps': 8, 'log_every': 4, 'evaluate_every': 4, 'ema_decay': 0.5},
    'batches': {'batch_size': 4, 'pool_batches': 2},
    'optimizer': {'learning_rate': 0.01, 'betas': [0.9, 0.98], 'eps': 1e-8},
    'codebook_size': 16,
    'teacher_width': TEACHER,
    'head_channels': 12,
    'quantize_from': 3,
    'settle_from': 6,
}


@pytest.fixture
def content_corpus(fresh_corpus):
    """Return a corpus with teacher features (a constant of the speaker, and noise) and labels."""
    folder = fresh_corpus / 'whisper'
    folder.mkdir()
    rng, lines = np.random.default_rng(3), []
    for row in (fresh_corpus / 'corpus.tsv').read_text('utf-8').splitlines()[1:]:
        name, _, speaker, _, seconds, _ = row.split('\t')
        frames = int(float(seconds) * 50)
        features = rng.standard_normal((frames, TEACHER)) + 10 * int(speaker[1:])
        np.save(folder / f'{name}.npy', features.astype(np.float16))
        lines.append(f'{name}\t_:5 a1:10 b:{frames - 15}')
    (fresh_corpus / 'alignment.tsv').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    return fresh_corpus


@pytest.fixture
def make(content_corpus):
    """Return a function (changes) -> trainer, in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def make_trainer(**changes):
        settings = build_settings(ContentSettings, {**SETTINGS, **changes}, 'test')
        return ContentTrainer(settings, content_corpus, torch.device('cpu'), lambda text: None)

    yield make_trainer
    torch.set_num_threads(threads)


def loop(trainer, folder, steps):
    folder.mkdir(exist_ok=True)
    settings = build_settings(ContentSettings, {'run': {**SETTINGS['run'], 'steps': steps}}, 'run')
    lines = io.StringIO()
    progress = Progress(folder, lambda line: lines.write(line + '\n'), show_bar=False)
    Loop(trainer, settings.run, folder, progress).run(1e6, lambda: False)
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_loss_falls_before_and_after_the_codebook_is_placed(make, run_steps):
    losses = run_steps(make(quantize_from=25), 50)
    for first, last in ((0, 20), (25, 45)):
        start, end = (
            np.mean([step['phoneme'] for step in losses[place : place + 5]])
            for place in (first, last)
        )
        assert end < start
    assert losses[24]['commitment'] == 0 < losses[25]['commitment']


def test_equal_seeds_give_equal_weights(make, run_steps):
    first, second = make(), make()
    assert run_steps(first, 6) == run_steps(second, 6)
    for name, value in first.state()['model'].items():
        assert torch.equal(value, second.state()['model'][name]), name


@pytest.mark.parametrize('first_part', [2, 5])  # before and after the codebook is placed
def test_an_interrupted_run_ends_with_the_weights_of_one_that_was_not(make, tmp_path, first_part):
    whole, part, rest = make(), make(), make()
    loop(whole, tmp_path / 'whole', 8)
    loop(part, tmp_path / 'parts', first_part)
    loop(rest, tmp_path / 'parts', 8)
    for name, value in whole.state()['model'].items():
        assert torch.equal(value, rest.state()['model'][name]), name
    for name, value in whole.state()['average'].items():
        assert torch.equal(value, rest.state()['average'][name]), name


def test_the_dev_splits_are_judged_by_the_phonemes_read_from_tokens(make, tmp_path):
    events = loop(make(), tmp_path / 'run', 4)
    values = next(event['values'] for event in events if event['event'] == 'dev')
    assert {'dev-text/phoneme_error', 'dev-speaker/phoneme_error'} <= values.keys()
    assert (tmp_path / 'run' / 'best.safetensors').is_file()


def test_exported_files_give_the_tokens_that_were_written(
    make, run_steps, content_corpus, settings_tree
):
    # So slow that the codebook, placed at step 3, still fits.
    trainer = make(optimizer={'learning_rate': 1e-5})
    run_steps(trainer, 6)
    config = trainer._settings.model
    clips = export_tokenizer(trainer.weights('step 6'), config, content_corpus)
    lists = read_lists(content_corpus / 'tokens.tsv')
    assert clips == len(lists) == 24
    model = build_settings(AcousticSettings, settings_tree('acoustic'), 'test').model
    sovits = Sovits(model).eval().requires_grad_(False)
    load_tokenizer(sovits, content_corpus / START_FILE)
    encoder = load_content_encoder(content_corpus / TOKENIZER_FILE)
    for name, text in lists.items():
        wave = torch.from_numpy(read_wave(content_corpus, name, 16000))
        tokens = sovits.tokens_from_features(encoder.encode(wave))
        assert ' '.join(map(str, tokens[0].tolist())) == text
    assert len({token for text in lists.values() for token in text.split()}) > 1


def test_the_teacher_is_heard_without_the_speaker(content_corpus):
    settings = build_settings(ContentSettings, SETTINGS, 'test')
    clips = ContentClips(content_corpus, settings.model, TEACHER, lambda text: None)
    batch = clips.batch(clips.of('train') + clips.of('dev-speaker'))
    for row, length in zip(batch.teacher, batch.lengths, strict=True):
        # Ten deviations lie between two speakers; what is left is a fraction of one.
        assert row[:length].mean(0).abs().max() < 0.6
        assert (row[length:] == 0).all()


def test_clips_without_teacher_features_are_left_out_and_counted(content_corpus):
    for path in sorted((content_corpus / 'whisper').iterdir())[:2]:
        path.unlink()
    said: list[str] = []
    settings = build_settings(ContentSettings, SETTINGS, 'test')
    clips = ContentClips(content_corpus, settings.model, TEACHER, said.append)
    assert sum(len(clips.of(split)) for split in ('train', 'dev-text', 'dev-speaker')) == 22
    assert said == ['2 clips have no teacher features yet and are left out']


def test_teacher_features_of_another_width_are_refused(content_corpus):
    settings = build_settings(ContentSettings, SETTINGS, 'test')
    with pytest.raises(ConfigurationError, match=r'not \[F, 9\]'):
        ContentClips(content_corpus, settings.model, 9, lambda text: None)


def test_labels_of_the_alignment_stand_at_their_frames(content_corpus):
    settings = build_settings(ContentSettings, SETTINGS, 'test')
    clips = ContentClips(content_corpus, settings.model, TEACHER, lambda text: None)
    batch = clips.batch(clips.of('train'))
    a1, b = symbol_ids(['a1', 'b'], 'v2').tolist()
    for row, length in zip(batch.labels, batch.lengths, strict=True):
        wanted = [BLANK] * 5 + [a1] * 10 + [b] * (int(length) - 15)
        assert row[:length].tolist() == wanted
        assert (row[length:] == NO_LABEL).all()


def test_a_damaged_alignment_is_refused(content_corpus):
    path = content_corpus / 'alignment.tsv'
    path.write_text('clip00\t_:5 nonsense:3\n', encoding='utf-8')
    with pytest.raises(ConfigurationError, match='line of clip00 is damaged'):
        read_alignment(path)


def test_a_run_takes_over_the_encoder_of_an_earlier_one(make, run_steps, tmp_path):
    first = make()
    run_steps(first, 4)
    write_weights(first.weights('first'), tmp_path / 'first.safetensors')
    second = make(start=str(tmp_path / 'first.safetensors'))
    torch.testing.assert_close(
        second.averaged().encoder.state_dict(), first.averaged().encoder.state_dict()
    )
    with pytest.raises(CheckpointError, match='does not fit the settings'):
        make(
            start=str(tmp_path / 'first.safetensors'),
            model={**SETTINGS['model'], 'hidden_channels': 16},
        )


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


def test_aligner_learns_to_read_and_aligns_every_clip(content_corpus):
    settings = build_settings(ContentSettings, SETTINGS, 'test')
    clips = ContentClips(content_corpus, settings.model, TEACHER, lambda text: None)
    said: list[str] = []
    model = train_aligner(clips, TEACHER, 3, said.append)
    assert reading_error(clips, model, 'dev-text') > 0  # three epochs are far too few
    lines = list(align_clips(clips, model))
    (content_corpus / 'alignment.tsv').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    labels = read_alignment(content_corpus / 'alignment.tsv')
    assert len(said) == 3 and len(labels) == 24
    for index in range(24):
        assert len(labels[clips.name(index)]) == clips.frames(index)


def test_codebook_finds_the_row_that_the_acoustic_model_finds():
    torch.manual_seed(0)
    book, quantizer = Codebook(16, 6), Quantizer(16, 6)
    book.rows.copy_(torch.randn(16, 6))
    quantizer.codebook.copy_(book.rows)
    vectors = torch.randn(2, 30, 6)
    assert torch.equal(book.nearest(vectors), quantizer.encode(vectors.transpose(1, 2)))
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(book.nearest(vectors), quantizer.encode(vectors.transpose(1, 2)))


def test_codebook_is_placed_on_the_clusters_and_follows_them():
    torch.manual_seed(0)
    centres = 5 * torch.randn(8, 4)
    vectors = centres.repeat_interleave(40, 0) + 0.01 * torch.randn(320, 4)
    book = Codebook(32, 4)
    book.fit(vectors, 10)

    def distance(points):
        return (points - book.rows[book.nearest(points)]).norm(dim=1).max()

    assert distance(vectors) < 0.1
    moved = vectors + 1.0
    for _ in range(60):
        book.update(moved, book.nearest(moved), 0.8, moves_dead_rows=True)
    assert distance(moved) < 0.1


def test_rows_that_nobody_uses_move_only_when_they_may():
    torch.manual_seed(0)
    vectors = torch.randn(64, 4)
    for moves, used in ((False, 1), (True, 8)):
        book = Codebook(8, 4)
        book.rows[1:] = 100.0
        book.sums.copy_(book.rows)
        for _ in range(40):
            book.update(vectors, book.nearest(vectors), 0.5, moves_dead_rows=moves)
        assert len(book.nearest(vectors).unique()) == used


def test_augmentation_depends_on_the_seed_alone_and_spares_the_silence_beyond_a_clip():
    power = torch.rand(3, 20, 40)
    lengths = torch.tensor([40, 30, 8])
    power = power * (torch.arange(40) < lengths[:, None])[:, None]
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(augment(power, lengths, AugmentSettings(clean=0.0)))
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])
    for changed in results:
        assert changed.isfinite().all() and (changed >= 0).all()
        assert (changed[2, :, 8:] == 0).all()


def test_clean_clips_stay_as_they_are():
    power = torch.rand(3, 20, 40)
    assert torch.equal(augment(power, torch.full((3,), 40), AugmentSettings(clean=1.0)), power)


@pytest.mark.parametrize('rate, frames', [(1.0, 50), (1.25, 40), (0.8, 62)])
def test_tempo_changes_frames_and_spectrogram_alike(rate, frames):
    assert change_tempo(torch.zeros(1, 7, 50), rate).shape[2] == frames
    assert change_tempo(torch.zeros(1, 20, 100), rate, 2).shape[2] == 2 * frames


def test_regression_looks_only_at_frames_that_count():
    predicted, target = torch.zeros(2, 4, 3), torch.zeros(2, 4, 3)
    target[0, 3] = 100.0
    assert regression_loss(predicted, target, torch.tensor([3, 4])) == 0
    assert regression_loss(predicted, target, torch.tensor([4, 4])) > 0


def test_phonemes_are_read_without_blanks_and_repetitions():
    symbols = [BLANK, 5, 5, BLANK, 5, 7, 7, 9]
    logits = torch.nn.functional.one_hot(torch.tensor([symbols]), 100).float() * 20
    assert read_phonemes(logits, torch.tensor([7])) == [[5, 5, 7]]
    right = phoneme_loss(logits, torch.tensor([7]), torch.tensor([[5, 5, 7]]), torch.tensor([3]))
    wrong = phoneme_loss(logits, torch.tensor([7]), torch.tensor([[5, 6, 7]]), torch.tensor([3]))
    assert right < 0.1 < wrong


@pytest.mark.parametrize(
    'wanted, found, errors',
    [([], [], 0), ([1, 2, 3], [1, 2, 3], 0), ([1, 2, 3], [1, 3], 1), ([1], [2, 1, 3], 2)],
)
def test_edit_distance_counts_the_fewest_changes(wanted, found, errors):
    assert edit_distance(wanted, found) == errors
