"""The table of the node's parameters: name, default, meaning, range.

It imports no ROS, so that tools can read it. `config/default.yaml` and `docs/interfaces.md` list
the same names and values (kept equal by tests).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gptsovits_ros.errors import ParameterInvalidError
from gptsovits_ros.ros.engine_table import ENGINE_PARAMETERS
from gptsovits_ros.ros.parameter_spec import ParamSpec
from gptsovits_ros.types import LANGUAGES, REQUEST_BOUNDS, SPLIT_METHODS

# A relative or absolute ROS name; no `~` and no substitutions: the namespace tells robots apart.
TOPIC_PATTERN = r'/?[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*'

PRIORITIES = ('chat', 'task', 'safety')
POLICIES = ('queue', 'replace', 'interrupt', 'interrupt_at_clause', 'drop_if_late')

PARAMETERS = (
    ParamSpec('voice', '', 'Voice of requests that name none; empty: the default voice.'),
    ParamSpec('language', 'auto', 'Language of requests that name none.', choices=LANGUAGES),
    ParamSpec(
        'topic.say', 'say', 'Topic of texts to speak.', pattern=TOPIC_PATTERN, read_only=True
    ),
    ParamSpec(
        'topic.audio',
        'audio',
        'Topic of the audio; `<name>_info` tells its format.',
        pattern=TOPIC_PATTERN,
        read_only=True,
    ),
    ParamSpec(
        'topic.barge_in',
        '',
        'Topic (std_msgs/Bool) on which true means that somebody speaks: what is not a warning '
        'falls silent; empty: none.',
        pattern=f'({TOPIC_PATTERN})?',
        read_only=True,
    ),
    ParamSpec(
        'speech.speed', 1.0, 'Speaking rate relative to the voice.', bounds=REQUEST_BOUNDS['speed']
    ),
    ParamSpec(
        'speech.seed',
        -1,
        'Seed of all randomness: same seed, same audio; -1: a new one each time.',
        bounds=(-1, 2**63 - 1),
    ),
    ParamSpec(
        'speech.split',
        'cut5',
        'How text is cut into segments: cut0 not at all, cut1 every '
        '4 sentences, cut2 every 50 characters, cut3 at Chinese full stops, cut4 at English '
        'full stops, cut5 at every punctuation mark.',
        choices=SPLIT_METHODS,
    ),
    ParamSpec(
        'speech.pause_s', 0.3, 'Silence after each segment [s].', bounds=REQUEST_BOUNDS['pause_s']
    ),
    ParamSpec(
        'speech.sample_steps',
        32,
        'Steps in which voices of v3 and v4 draw their sound; fewer are quicker and rougher.',
        bounds=REQUEST_BOUNDS['sample_steps'],
    ),
    ParamSpec(
        'speech.guard_retries',
        2,
        'How often a segment that came out wrong is drawn again; 0: nothing is checked.',
        bounds=REQUEST_BOUNDS['guard_retries'],
    ),
    ParamSpec(
        'speech.stream',
        True,
        'Speak the start of a segment while its rest is made; false: when all of it was made and '
        'judged. Voices of v3 and v4 always wait for the segment.',
    ),
    ParamSpec('speech.marks', False, 'Publish speech_marks: when words and shapes are heard.'),
    ParamSpec(
        'speech.max_text_length', 2000, 'Longest text accepted [characters].', bounds=(1, 20000)
    ),
    ParamSpec(
        'text.upstream_compatible',
        False,
        'Read numbers, signs and abbreviations exactly as the official program does, with its '
        'mistakes; else as a listener would say them.',
        read_only=True,
    ),
    ParamSpec(
        'text.lexicon',
        '',
        'File with pronunciations for all voices (lexicon.yaml); empty: none.',
        read_only=True,
    ),
    ParamSpec(
        'sampling.top_k',
        15,
        'Draw each token from this many most likely ones; 1: greedy.',
        bounds=REQUEST_BOUNDS['top_k'],
    ),
    ParamSpec(
        'sampling.top_p',
        1.0,
        'Draw from the most likely tokens that have together this probability; 1: all.',
        bounds=REQUEST_BOUNDS['top_p'],
    ),
    ParamSpec(
        'sampling.temperature',
        1.0,
        'Below 1 steadier, above 1 livelier.',
        bounds=REQUEST_BOUNDS['temperature'],
    ),
    ParamSpec(
        'sampling.repetition_penalty',
        1.35,
        'Above 1 makes earlier tokens less likely.',
        bounds=REQUEST_BOUNDS['repetition_penalty'],
    ),
    ParamSpec(
        'stream.chunk_ms', 100, 'Length of the audio in one message [ms].', bounds=(10, 1000)
    ),
    ParamSpec(
        'stream.lead_ms',
        200,
        'How far audio is sent ahead of its playing time [ms]: the '
        'reserve of the player, and what it may still play after a stop.',
        bounds=(0, 60000),
    ),
    ParamSpec(
        'stream.stamped',
        False,
        'Also publish `<topic.audio>_stamped` (AudioDataStamped) '
        'with the time at which each message is due to be heard.',
        read_only=True,
    ),
    ParamSpec(
        'stream.frame_id',
        '',
        'frame_id of all headers, e.g. the frame of the loudspeaker.',
        read_only=True,
    ),
    ParamSpec(
        'speaking.hold_ms',
        200,
        'How long `is_speaking` stays true behind the last sample [ms], e.g. until the echo of '
        'the room is over.',
        bounds=(0, 5000),
    ),
    ParamSpec(
        'say.priority',
        'task',
        'Priority of requests that name none.',
        choices=PRIORITIES,
    ),
    ParamSpec(
        'say.policy',
        'queue',
        'Policy of requests that name none (SayRequest.msg tells what each does).',
        choices=POLICIES,
    ),
    ParamSpec(
        'say.deadline_s',
        0.0,
        'Requests that name no deadline are dropped if they have not begun after so long [s]; '
        '0: never.',
        bounds=(0.0, 3600.0),
    ),
    ParamSpec(
        'say_stream.timeout_s',
        10.0,
        'A text stream is given up so long after its last piece [s].',
        bounds=(0.1, 600.0),
    ),
    ParamSpec(
        'say_stream.max_characters',
        20_000,
        'Longest text of a stream, all pieces together [characters].',
        bounds=(1, 1_000_000),
    ),
    ParamSpec(
        'queue.max_length',
        16,
        'Most utterances that may wait; then a more important one takes the place of the newest '
        'of the least important, and others are refused.',
        bounds=(1, 1000),
    ),
    ParamSpec(
        'queue.merge',
        False,
        'Refuse a text that waits already in the same voice; the one that waits takes its '
        'priority.',
    ),
    ParamSpec(
        'queue.late_s',
        1.0,
        'How long requests with the policy drop_if_late and without a deadline may wait [s].',
        bounds=(0.0, 3600.0),
    ),
    ParamSpec(
        'enroll.require_consent',
        True,
        'Refuse to enrol a voice if nobody says who agreed, when, and for what.',
        read_only=True,
    ),
    ParamSpec(
        'enroll.denoise', False, 'Take noise out of recordings, where a request does not say.'
    ),
    ParamSpec(
        'enroll.retention',
        'keep',
        'What stays of the recordings: keep the chosen clips, or only embeddings made of them.',
        choices=('keep', 'embeddings'),
    ),
    ParamSpec(
        'enroll.topic',
        '',
        'Topic of the microphone (AudioData or AudioStamped) for the action record_voice.',
        pattern=f'({TOPIC_PATTERN})?',
    ),
    ParamSpec(
        'enroll.path_roots',
        '',
        'Folders, with colons between them, that paths in requests must lie in; empty: any.',
        read_only=True,
    ),
    ParamSpec('enroll.max_audio_mb', 16, 'Largest recording in a request [MB].', bounds=(1, 32)),
    *ENGINE_PARAMETERS,
)

SPECS: Mapping[str, ParamSpec] = {spec.name: spec for spec in PARAMETERS}


def find_problem(name: str, value: object, specs: Mapping[str, ParamSpec] = SPECS) -> str | None:
    """Return what is wrong with a value for a parameter and the allowed range; None: nothing."""
    spec = specs.get(name)
    if spec is None:
        return f'there is no parameter {name}'
    if type(value) is not type(spec.default):
        hint = '; write a decimal point, e.g. 1.0' if isinstance(spec.default, float) else ''
        return (
            f'{name} must be of type {type(spec.default).__name__}, '
            f'got {type(value).__name__}{hint}'
        )
    # Written so that NaN, which compares false with everything, is out of bounds too.
    in_bounds = spec.bounds is None or spec.bounds[0] <= value <= spec.bounds[1]
    chosen = not spec.choices or value in spec.choices
    matches = not spec.pattern or re.fullmatch(spec.pattern, str(value))
    if in_bounds and chosen and matches:
        return None
    where = 'in ' if spec.bounds else ''
    return f'{name} must be {where}{spec.constraint}, got {value!r}'


def check(name: str, value: object, specs: Mapping[str, ParamSpec] = SPECS) -> None:
    """Raise ParameterInvalidError if the value is not allowed for the parameter."""
    problem = find_problem(name, value, specs)
    if problem:
        raise ParameterInvalidError(problem)
