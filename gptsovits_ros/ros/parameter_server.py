"""Declares the parameters of the node, keeps the present values, and judges changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from gptsovits_ros.errors import GptsovitsError, ParameterInvalidError
from gptsovits_ros.ros.parameter_spec import ParamSpec
from gptsovits_ros.ros.parameter_table import SPECS, check
from gptsovits_ros.ros.parameters import Parameters


def descriptor(spec: ParamSpec) -> ParameterDescriptor:
    """Return what `ros2 param describe` tells of a parameter."""
    message = ParameterDescriptor(
        name=spec.name, description=spec.description, read_only=spec.read_only
    )
    if spec.bounds is None:
        message.additional_constraints = spec.constraint
    elif isinstance(spec.default, float):
        low, high = spec.bounds
        message.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    else:
        low, high = spec.bounds
        message.integer_range = [IntegerRange(from_value=low, to_value=high)]
    return message


class ParameterServer:
    """The node's parameters: `values` is the present state, replaced as a whole at each change."""

    def __init__(
        self,
        node: Node,
        check_change: Callable[[Any], None],
        on_change: Callable[[Any], None],
        specs: Mapping[str, ParamSpec] = SPECS,
        parameters_type: type = Parameters,
    ) -> None:
        """Declare all parameters; values come from the command line or files.

        Args:
            check_change: raises GptsovitsError if the node cannot work with these values.
            on_change: called with the new values.
            specs: the parameters by name.
            parameters_type: what holds their values: Parameters, or a class with from_values()
                and changed() as it has them.

        Raises:
            ParameterInvalidError: if a given value is not allowed; it names the range.

        """
        self._check_change = check_change
        self._on_change = on_change
        self._specs = specs
        self.values = parameters_type.from_values(
            {spec.name: _declare(node, spec) for spec in specs.values()}
        )
        node.add_on_set_parameters_callback(self._on_set)

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        ours = {
            parameter.name: parameter.value
            for parameter in parameters
            if parameter.name in self._specs
        }
        try:
            values = self.values.changed(ours)
            self._check_change(values)
        except GptsovitsError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.values = values
        self._on_change(values)
        return SetParametersResult(successful=True)


def _declare(node: Node, spec: ParamSpec) -> object:
    """Declare one parameter and return its value."""
    try:
        value = node.declare_parameter(spec.name, spec.default, descriptor(spec)).value
    except InvalidParameterTypeException as error:
        hint = '; write a decimal point, e.g. 1.0' if isinstance(spec.default, float) else ''
        raise ParameterInvalidError(f'{error}{hint}') from error
    except InvalidParameterValueException as error:
        raise ParameterInvalidError(
            f'{spec.name} must be in {spec.constraint} ({error})'
        ) from error
    check(spec.name, value, {spec.name: spec})
    return value
