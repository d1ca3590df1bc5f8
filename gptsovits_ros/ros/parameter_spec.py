"""What a parameter is: name, default, meaning, range. No ROS import."""

from __future__ import annotations

from dataclasses import dataclass

Value = str | bool | int | float


@dataclass(frozen=True)
class ParamSpec:
    """One parameter.

    Attributes:
        name: dotted by topic, as in the YAML file.
        default: its type is the type of the parameter.
        description: what it does, with its unit.
        bounds: lowest and highest allowed value, both included; None: no bounds.
        choices: the allowed values; empty: any.
        pattern: regular expression that the whole value must match; empty: any.
        read_only: True if it can be set at start only.

    """

    name: str
    default: Value
    description: str
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ''
    read_only: bool = False

    @property
    def field(self) -> str:
        """Name of its field in Parameters."""
        return self.name.replace('.', '_')

    @property
    def constraint(self) -> str:
        """What values are allowed, for people; empty: any of the type."""
        if self.bounds:
            return f'[{self.bounds[0]}, {self.bounds[1]}]'
        if self.choices:
            return 'one of ' + ', '.join(self.choices)
        return f'matching {self.pattern}' if self.pattern else ''
