"""Give the clips of a corpus their tokens; a corpus that grows keeps those that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gptsovits_ros.checkpoint.content import KIND
from gptsovits_ros.checkpoint.weights import WeightFile, read_weights, write_weights
from gptsovits_ros.errors import CheckpointError, ConfigurationError
from gptsovits_ros.training.content_align import Aligner, reading_error, train_aligner
from gptsovits_ros.training.content_codes import (
    LABELS_FILE,
    Codes,
    align_tokens,
    make_codes,
    write_code_labels,
)
from gptsovits_ros.training.content_data import HeardClips, Scale
from gptsovits_ros.training.content_pitch import ClipPitch
from gptsovits_ros.training.content_student import START_FILE, write_start
from gptsovits_ros.training.corpus import DEV_SPEAKER, DEV_TEXT, TRAIN
from gptsovits_ros.training.prepare import (
    CORPUS_FILE,
    TOKENS_FILE,
    read_clips,
    read_lists,
    write_lines,
)

CODES_FILE = 'codes.safetensors'
ROLE = 'codes'
ALIGNER = 'aligner.'
CODES = 'codes.'
SCALE = 'scale.'

Report = Callable[[str], None]


@dataclass(frozen=True)
class TokenSettings:
    """How tokens are made.

    Attributes:
        size: of the codebook.
        width: of its rows, and of the content features.
        teacher_width: of what the recogniser hears.
        epochs: of the training of the aligner.

    """

    size: int = 1024
    width: int = 192
    teacher_width: int = 512
    epochs: int = 8


@dataclass(frozen=True)
class TokenMaker:
    """All that gives a clip its tokens: the scale of the features, the aligner, the codes."""

    scale: Scale
    aligner: Aligner
    codes: Codes


def tokenize_corpus(
    corpus: Path, settings: TokenSettings, report: Report, is_again: bool = False
) -> int:
    """Write CODES_FILE, LABELS_FILE, START_FILE and the tokens; return how many clips are new.

    What CODES_FILE holds stays as it is, and so do the tokens that are there: models were trained
    on them. Only clips without tokens get some.

    Args:
        corpus: folder, with corpus.tsv, phonemes.tsv, the teacher's features and the pitch.
        settings: used where CODES_FILE is not there yet.
        report: told what is done, and what is left out.
        is_again: share all tokens among new variants; the aligner of CODES_FILE stays, and what
            its rows say of phonemes, so that models which know those learn the others soon.

    Raises:
        ConfigurationError: the corpus cannot be used, or has tokens whose codes are not there.
        CheckpointError: a file cannot be read or written.

    """
    tokens_path, codes_path = corpus / TOKENS_FILE, corpus / CODES_FILE
    labels_path, start_path = corpus / LABELS_FILE, corpus / START_FILE
    earlier = read_token_maker(codes_path) if codes_path.exists() else None
    if is_again:
        # The tokens first: new codes and old tokens must never lie side by side.
        tokens_path.unlink(missing_ok=True)
    elif not earlier and tokens_path.exists():
        raise ConfigurationError(
            f'{corpus} has {TOKENS_FILE}, but not the {CODES_FILE} that they come from; '
            'get it, or make all tokens anew (--again)'
        )
    scale = earlier.scale if earlier else None
    teacher_width = len(scale.mean) if scale else settings.teacher_width
    clips = HeardClips(corpus, teacher_width, report, scale)
    pitch = ClipPitch(corpus, clips)
    if earlier and not is_again:
        maker = earlier
    else:
        maker = make_token_maker(clips, pitch, settings, report, earlier)
        for path in (labels_path, start_path):
            path.unlink(missing_ok=True)  # of other codes
        write_token_maker(codes_path, maker)
    if not labels_path.exists():
        write_code_labels(labels_path, maker.codes.labels)
    if not start_path.exists():
        write_start(start_path, maker.codes.rows)
    return _add_tokens(corpus, clips, pitch, maker, report)


def make_token_maker(
    clips: HeardClips,
    pitch: ClipPitch,
    settings: TokenSettings,
    report: Report,
    earlier: TokenMaker | None = None,
) -> TokenMaker:
    """Train the aligner, unless an earlier one is there, and place the codes."""
    aligner = (
        earlier.aligner
        if earlier
        else train_aligner(clips, settings.teacher_width, settings.epochs, report)
    )
    for split in (DEV_TEXT, DEV_SPEAKER):
        report(f'{split}: phoneme error {100 * reading_error(clips, aligner, split):.1f} %')
    tokens = [align_tokens(clips, pitch, aligner, index) for index in range(len(clips))]
    codes = make_codes(
        tokens,
        clips.of(TRAIN),
        settings.size,
        settings.width,
        report,
        earlier.codes if earlier else None,
    )
    return TokenMaker(clips.scale, aligner, codes)


def write_token_maker(path: Path, maker: TokenMaker) -> None:
    """Write it as one file of weights.

    Raises:
        CheckpointError: it cannot be written.

    """
    tensors = {f'{ALIGNER}{name}': value for name, value in maker.aligner.state_dict().items()}
    tensors |= {f'{CODES}{name}': value for name, value in vars(maker.codes).items()}
    tensors |= {f'{SCALE}{name}': value for name, value in vars(maker.scale).items()}
    write_weights(WeightFile(ROLE, KIND, {}, 'aligned tokens', tensors), path)


def read_token_maker(path: Path) -> TokenMaker:
    """Read what write_token_maker wrote.

    Raises:
        CheckpointError: missing, damaged, or another kind of file.

    """
    weights = read_weights(path)
    if weights.role != ROLE:
        raise CheckpointError(f'{path} is a {weights.role} model and holds no codes')
    parts: dict[str, dict[str, Tensor]] = {ALIGNER: {}, CODES: {}, SCALE: {}}
    for name, value in weights.tensors.items():
        part, dot, rest = name.partition('.')
        if part + dot in parts:
            parts[part + dot][rest] = value
    try:
        scale, codes = Scale(**parts[SCALE]), Codes(**parts[CODES])
        aligner = Aligner(len(scale.mean))
        aligner.load_state_dict(parts[ALIGNER])
    except (TypeError, RuntimeError) as error:
        raise CheckpointError(f'{path} is damaged: {error}') from error
    return TokenMaker(scale, aligner.eval().requires_grad_(False), codes)


def _add_tokens(
    corpus: Path, clips: HeardClips, pitch: ClipPitch, maker: TokenMaker, report: Report
) -> int:
    """Write the tokens of clips that have none yet beside those that are there."""
    lines = read_lists(corpus / TOKENS_FILE)
    new = 0
    for index in range(len(clips)):
        name = clips.clip(index).name
        if name in lines:
            continue
        try:
            codes = maker.codes.of(align_tokens(clips, pitch, maker.aligner, index))
        except ConfigurationError as error:
            report(f'{name} is left out: {error}; --again makes all codes anew')
            continue
        lines[name] = ' '.join(map(str, codes.tolist()))
        new += 1
    names = [clip.name for clip in read_clips(corpus / CORPUS_FILE) if clip.name in lines]
    write_lines(corpus / TOKENS_FILE, (f'{name}\t{lines[name]}' for name in names))
    return new
