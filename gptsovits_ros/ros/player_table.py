"""The parameters of player_node as data, and their values at one moment. No ROS import.

`config/player.yaml` and `docs/player.md` list the same names and values (kept equal by tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gptsovits_ros.ros.parameter_spec import ParamSpec, Value
from gptsovits_ros.ros.parameter_table import SPECS, check

NULL_DEVICE = 'null'

PLAYER_PARAMETERS = (
    ParamSpec(
        'player.device',
        '',
        'Name of the output device or a part of it; empty: the default one of the system; null: '
        'play in silence, in real time.',
        read_only=True,
    ),
    ParamSpec(
        'player.volume', 1.0, 'Loudness: what samples are multiplied by.', bounds=(0.0, 1.0)
    ),
    ParamSpec('player.mute', False, 'Play in silence.'),
    ParamSpec(
        'player.buffer_ms',
        40,
        'Audio to wait for before sound begins, and the longest time to wait for it [ms]: evens '
        'out late messages.',
        bounds=(0, 2000),
    ),
    ParamSpec(
        'player.latency_ms',
        30,
        'Latency to ask the device for [ms]; 0: its lowest. Lower falls silent sooner, higher '
        'survives a busy CPU.',
        bounds=(0, 1000),
        read_only=True,
    ),
    ParamSpec(
        'player.report_hz',
        20.0,
        'How often `player_state` is sent while there is sound [1/s].',
        bounds=(1.0, 100.0),
    ),
    ParamSpec(
        'player.stamped',
        True,
        'Listen to `<topic.audio>_stamped`, so that `player_state` tells which samples were '
        'heard; false: to `<topic.audio>`.',
        read_only=True,
    ),
    ParamSpec(
        'player.echo_reference',
        False,
        'Publish what is heard on `echo_reference`, for echo cancellation.',
        read_only=True,
    ),
)

# Of the parameters of speech_node, those that both nodes must agree on.
SHARED_PARAMETERS = ('topic.audio', 'stream.frame_id')

PLAYER_SPECS: Mapping[str, ParamSpec] = {
    **{name: SPECS[name] for name in SHARED_PARAMETERS},
    **{spec.name: spec for spec in PLAYER_PARAMETERS},
}


@dataclass(frozen=True)
class PlayerParameters:
    """The parameters at one moment; fields are the names in PLAYER_SPECS with `_` for the dot."""

    topic_audio: str
    stream_frame_id: str
    player_device: str
    player_volume: float
    player_mute: bool
    player_buffer_ms: int
    player_latency_ms: int
    player_report_hz: float
    player_stamped: bool
    player_echo_reference: bool

    @classmethod
    def from_values(cls, values: Mapping[str, Value]) -> PlayerParameters:
        """Return parameters from values by dotted name; a missing one takes its default.

        Raises:
            ParameterInvalidError: if a name is unknown or a value is not allowed.

        """
        for name, value in values.items():
            check(name, value, PLAYER_SPECS)
        return cls(
            **{spec.field: values.get(spec.name, spec.default) for spec in PLAYER_SPECS.values()}
        )

    def changed(self, values: Mapping[str, Value]) -> PlayerParameters:
        """Return these parameters with some values replaced; raises as from_values does."""
        for name, value in values.items():
            check(name, value, PLAYER_SPECS)
        return replace(self, **{PLAYER_SPECS[name].field: value for name, value in values.items()})
