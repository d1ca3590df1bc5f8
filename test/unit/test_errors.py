"""The error codes in errors.py and in the interfaces are the same numbers with the same names."""

from __future__ import annotations

import re
from pathlib import Path

from gptsovits_ros import errors

ACTION = Path(__file__).parents[2] / 'action' / 'Speak.action'


def codes_of_the_action() -> dict[str, int]:
    """Return the constants of the result of Speak.action, by name."""
    result = ACTION.read_text().split('\n---\n')[1]
    return {name: int(code) for name, code in re.findall(r'^uint16 ([A-Z_]+)=(\d+)', result, re.M)}


def test_every_error_has_its_constant_in_the_action_and_no_constant_is_left_over():
    ours = {cls.name: cls.code for cls in errors.error_classes().values()}
    assert {'NONE': 0, **ours} == codes_of_the_action()


def test_codes_are_unique():
    classes = [
        cls
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.GptsovitsError)
    ]
    own = [cls for cls in classes if cls is not errors.GptsovitsError]
    assert len({cls.code for cls in own}) == len({cls.name for cls in own}) == len(own)


def test_error_survives_the_way_over_a_process_boundary():
    for code, cls in errors.error_classes().items():
        error = errors.error_from_code(code, 'what, why')
        assert type(error) is cls
        assert str(error) == 'what, why'
    assert type(errors.error_from_code(9, 'x')) is errors.InternalError
