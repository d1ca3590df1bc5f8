"""The content encoder learns to give tokens, is deterministic, goes on exactly, is read again."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch

from gptsovits_ros.checkpoint.content import load_content_encoder
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.training.content_augment import AugmentSettings, augment, change_tempo
from gptsovits_ros.training.content_data import ContentClips, HeardClips, read_token_lists
from gptsovits_ros.training.content_losses import (
    BLANK,
    NO_TOKEN,
    TokenErrors,
    edit_distance,
    phoneme_loss,
    read_phonemes,
    regression_loss,
    spread_targets,
    token_loss,
)
from gptsovits_ros.training.content_student import START_FILE, read_codebook, write_start
from gptsovits_ros.training.content_trainer import ContentSettings, ContentTrainer
from gptsovits_ros.training.loop import Loop
from gptsovits_ros.training.prepare import read_wave
from gptsovits_ros.training.progress import Progress
from gptsovits_ros.training.settings import build_settings

TEACHER = 7
SETTINGS = {
    'model': {'width': 6, 'hidden_channels': 16, 'n_layers': 1, 'kernel_size': 3, 'bands': 20},
    'run': {'steps': 8, 'log_every': 4, 'evaluate_every': 4, 'ema_decay': 0.5},
    'batches': {'batch_size': 4, 'pool_batches': 2},
    'optimizer': {'learning_rate': 0.01, 'betas': [0.9, 0.98], 'eps': 1e-8},
    'teacher_width': TEACHER,
}


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


def clips_of(corpus, report=lambda text: None):
    config = build_settings(ContentSettings, SETTINGS, 'test').model
    return ContentClips(corpus, config, TEACHER, report)


def loop(trainer, folder, steps):
    folder.mkdir(exist_ok=True)
    settings = build_settings(ContentSettings, {'run': {**SETTINGS['run'], 'steps': steps}}, 'run')
    lines = io.StringIO()
    progress = Progress(folder, lambda line: lines.write(line + '\n'), show_bar=False)
    Loop(trainer, settings.run, folder, progress).run(1e6, lambda: False)
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_student_learns_the_tokens_of_sentences_that_it_has_not_heard(make, run_steps):
    trainer = make()
    before = trainer.evaluate()
    losses = run_steps(trainer, 120)
    after = trainer.evaluate()
    assert losses[-1]['loss'] < losses[0]['loss'] / 2
    for split in ('dev-text', 'dev-speaker'):
        assert before[f'{split}/token_error'] > 0.6
        assert after[f'{split}/token_error'] < 0.3
        assert after[f'{split}/label_error'] <= after[f'{split}/token_error']
        assert after[f'{split}/teacher'] < before[f'{split}/teacher']


def test_codebook_and_projection_stay_as_they_are(make, run_steps, content_corpus):
    trainer = make()
    run_steps(trainer, 3)
    wanted = read_codebook(content_corpus / START_FILE).state_dict()
    for part in ('model', 'average'):
        for name, value in wanted.items():
            assert torch.equal(trainer.state()[part][f'codebook.{name}'], value), name


def test_equal_seeds_give_equal_weights(make, run_steps):
    first, second = make(), make()
    assert run_steps(first, 6) == run_steps(second, 6)
    for name, value in first.state()['model'].items():
        assert torch.equal(value, second.state()['model'][name]), name


def test_an_interrupted_run_ends_with_the_weights_of_one_that_was_not(make, tmp_path):
    whole, part, rest = make(), make(), make()
    loop(whole, tmp_path / 'whole', 8)
    loop(part, tmp_path / 'parts', 3)
    loop(rest, tmp_path / 'parts', 8)
    for name, value in whole.state()['model'].items():
        assert torch.equal(value, rest.state()['model'][name]), name
    for name, value in whole.state()['average'].items():
        assert torch.equal(value, rest.state()['average'][name]), name


def test_a_run_does_not_go_on_with_another_codebook(make, tmp_path, content_corpus):
    loop(make(), tmp_path / 'run', 2)
    write_start(content_corpus / START_FILE, torch.randn(16, 6))
    with pytest.raises(ConfigurationError, match='not that which this run was started with'):
        loop(make(), tmp_path / 'run', 8)


def test_the_best_encoder_is_read_by_the_engine_and_gives_the_tokens_that_were_judged(
    make, tmp_path, content_corpus
):
    trainer = make()
    events = loop(trainer, tmp_path / 'run', 8)
    values = next(event['values'] for event in events[::-1] if event['event'] == 'dev')
    encoder = load_content_encoder(tmp_path / 'run' / 'best.safetensors')
    assert encoder.config == trainer._settings.model
    codebook = read_codebook(content_corpus / START_FILE)
    tokens = read_token_lists(content_corpus / 'tokens.tsv')
    labels = trainer._labels
    errors = TokenErrors(labels)
    best = min(
        event['values']['dev-text/token_error'] for event in events if event['event'] == 'dev'
    )
    for name in ('clip07', 'clip15'):  # all of dev-text but clip23, which is of dev-speaker
        wave = torch.from_numpy(read_wave(content_corpus, name, 16000))
        wanted = torch.from_numpy(tokens[name])
        errors.add(wanted, codebook.tokens(encoder.encode(wave))[0, : len(wanted)])
    # Half precision, and an odd frame at the end that training did not see.
    assert errors.rates()['token_error'] == pytest.approx(best, abs=0.1)
    assert values.keys() >= {'dev-text/phoneme_error', 'dev-speaker/label_error'}


@pytest.mark.parametrize(
    'spoil, error, message',
    [
        (lambda c: (c / 'codes.tsv').unlink(), ConfigurationError, 'missing or empty'),
        (lambda c: (c / START_FILE).unlink(), CheckpointError, 'cannot read'),
        (lambda c: write_start(c / START_FILE, torch.zeros(16, 5)), ConfigurationError, '5 wide'),
        (lambda c: write_start(c / START_FILE, torch.zeros(12, 6)), None, ''),
        (lambda c: write_start(c / START_FILE, torch.zeros(9, 6)), ConfigurationError, 'no code'),
        (lambda c: (c / 'tokens.tsv').unlink(), ConfigurationError, 'no clip with tokens'),
        (
            lambda c: (c / 'tokens.tsv').write_text('clip00\t1 x\n', encoding='utf-8'),
            ConfigurationError,
            'line of clip00 is damaged',
        ),
    ],
)
def test_a_corpus_that_does_not_fit_is_refused(make, content_corpus, spoil, error, message):
    spoil(content_corpus)
    if error is None:
        make()
        return
    with pytest.raises(error, match=message):
        make()


def test_a_token_beyond_the_codebook_is_refused(make, content_corpus):
    path = content_corpus / 'tokens.tsv'
    name, _, text = path.read_text('utf-8').splitlines()[0].partition('\t')
    wrong = ' '.join(['16', *text.split()[1:]])
    rest = path.read_text('utf-8').partition('\n')[2]
    path.write_text(f'{name}\t{wrong}\n{rest}', encoding='utf-8')
    with pytest.raises(ConfigurationError, match='the token 16, but 16 codes'):
        make()


def test_the_teacher_is_heard_without_the_speaker(content_corpus):
    clips = HeardClips(content_corpus, TEACHER, lambda text: None)
    batch = clips.batch(clips.of('train') + clips.of('dev-speaker'))
    for row, length in zip(batch.teacher, batch.lengths, strict=True):
        # Ten deviations lie between two speakers; what is left is what is said.
        assert row[:length].mean(0).abs().max() < 1.5
        assert (row[length:] == 0).all()


def test_the_scale_of_an_earlier_corpus_stays(content_corpus):
    first = HeardClips(content_corpus, TEACHER, lambda text: None)
    path = content_corpus / 'whisper' / 'clip01.npy'
    np.save(path, 5 * np.load(path))
    grown = HeardClips(content_corpus, TEACHER, lambda text: None, first.scale)
    assert torch.equal(grown.scale.deviation, first.scale.deviation)
    assert torch.equal(grown.heard(0), first.heard(0))  # of another speaker


def test_tokens_stand_at_their_frames(content_corpus):
    clips = clips_of(content_corpus)
    wanted = read_token_lists(content_corpus / 'tokens.tsv')
    batch = clips.batch([0, 3, 12])
    for row, name in zip(batch.tokens, ('clip00', 'clip03', 'clip12'), strict=True):
        count = len(wanted[name])
        assert row[:count].tolist() == wanted[name].tolist()
        assert (row[count:] == NO_TOKEN).all()
    lengths = [2 * len(wanted[name]) for name in ('clip00', 'clip03', 'clip12')]
    assert batch.lengths.tolist() == lengths
    assert batch.teacher.shape[1] == max(lengths) and batch.power.shape[2] == 2 * max(lengths)
    assert (batch.power[0, :, 2 * lengths[0] :] == 0).all()


def test_clips_that_lack_something_are_left_out_and_named(content_corpus):
    for path in sorted((content_corpus / 'whisper').iterdir())[:2]:
        path.unlink()
    path = content_corpus / 'tokens.tsv'
    lines = path.read_text('utf-8').splitlines()
    lines[4] += ' 2'
    path.write_text('\n'.join(lines[:3] + lines[4:]) + '\n', encoding='utf-8')
    said: list[str] = []
    clips = clips_of(content_corpus, said.append)
    assert sum(len(clips.of(split)) for split in ('train', 'dev-text', 'dev-speaker')) == 20
    assert said[0] == '2 clips have no teacher features yet and are left out'
    assert said[1] == 'clip03 is left out: it has no line in tokens.tsv'
    assert said[2].startswith('clip04 is left out: ') and 'tokens do not fit' in said[2]


def test_teacher_features_of_another_width_are_refused(content_corpus):
    with pytest.raises(ConfigurationError, match=r'not \[F, 9\]'):
        HeardClips(content_corpus, 9, lambda text: None)


@pytest.mark.parametrize('rate', [0.9, 1.0, 1.12])
def test_tokens_follow_the_tempo(make, monkeypatch, rate):
    monkeypatch.setattr('gptsovits_ros.training.content_trainer.draw_tempo', lambda _: rate)
    trainer = make(augment={'clean': 1.0})
    plain, changed = trainer._clips.batch([0, 12]), trainer._changed([0, 12])
    count = changed.tokens.shape[1]
    assert count == round(plain.tokens.shape[1] / rate)
    assert changed.teacher.shape[1] == 2 * count and changed.power.shape[2] == 4 * count
    for before, after in zip(plain.tokens, changed.tokens, strict=True):
        for place, token in enumerate(after.tolist()):
            assert token == before[int((place + 0.5) * len(before) / count)]
    assert changed.lengths.tolist() == [2 * int((row != NO_TOKEN).sum()) for row in changed.tokens]


def test_targets_are_spread_over_the_variants_of_the_same_phoneme():
    targets = spread_targets(torch.tensor([5, 5, 7, 5]), 0.3)
    assert torch.allclose(targets[0], torch.tensor([0.8, 0.1, 0.0, 0.1]))
    assert torch.allclose(targets[2], torch.tensor([0.0, 0.0, 1.0, 0.0]))


def test_a_wrong_variant_costs_less_than_a_wrong_phoneme_and_padding_nothing():
    targets = spread_targets(torch.tensor([5, 5, 7]), 0.3)
    tokens = torch.tensor([[0, NO_TOKEN]])

    def loss(first, second=0):
        logits = 8.0 * torch.nn.functional.one_hot(torch.tensor([[first, second]]), 3)
        return float(token_loss(logits, tokens, targets))

    assert loss(0) < loss(1) < loss(2)
    assert loss(0, 0) == loss(0, 2)


def test_errors_are_counted_by_code_by_phoneme_and_in_order():
    errors = TokenErrors(torch.tensor([BLANK, 5, 5, 7, -1]))
    errors.add(torch.tensor([0, 1, 1, 3]), torch.tensor([0, 2, 1, 1]))  # another variant, 7 lost
    errors.add(torch.tensor([3, 3]), torch.tensor([3, 4]))  # a code of nothing is said as well
    rates = errors.rates()
    assert rates == pytest.approx(
        {'token_error': 3 / 6, 'label_error': 2 / 6, 'phoneme_error': 2 / 3}
    )


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
    symbols = torch.tensor([BLANK, 5, 5, BLANK, 5, 7, 7, 9])
    assert read_phonemes(symbols) == [5, 5, 7, 9]
    logits = torch.nn.functional.one_hot(symbols[None], 100).float() * 20
    right = phoneme_loss(logits, torch.tensor([7]), torch.tensor([[5, 5, 7]]), torch.tensor([3]))
    wrong = phoneme_loss(logits, torch.tensor([7]), torch.tensor([[5, 6, 7]]), torch.tensor([3]))
    assert right < 0.1 < wrong


@pytest.mark.parametrize(
    'wanted, found, errors',
    [([], [], 0), ([1, 2, 3], [1, 2, 3], 0), ([1, 2, 3], [1, 3], 1), ([1], [2, 1, 3], 2)],
)
def test_edit_distance_counts_the_fewest_changes(wanted, found, errors):
    assert edit_distance(wanted, found) == errors
