"""docs/interfaces.md lists what the code has: parameters, topics, services, actions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from gptsovits_ros.ros.parameter_spec import ParamSpec
from gptsovits_ros.ros.parameter_table import PARAMETERS

REPO = Path(__file__).parents[3]
PAGE = (REPO / 'docs' / 'interfaces.md').read_text()


def rows(heading: str) -> dict[str, list[str]]:
    """Return the cells of the table below a heading, by the name in the first cell."""
    section = PAGE.partition(f'## {heading}\n')[2].partition('\n## ')[0]
    lines = [line for line in section.splitlines() if line.startswith('| `')]
    cells = [[c.strip() for c in re.split(r'(?<!\\)\|', line)[1:-1]] for line in lines]
    return {row[0].strip('`'): row[1:] for row in cells}


def test_page_lists_the_parameters_and_no_others():
    assert list(rows('Parameters')) == [spec.name for spec in PARAMETERS]


@pytest.mark.parametrize('spec', PARAMETERS, ids=lambda spec: spec.name)
def test_page_tells_type_default_range_and_meaning(spec: ParamSpec):
    kind, default, allowed, when, meaning = rows('Parameters')[spec.name]
    assert kind == type(spec.default).__name__
    parsed = {'`false`': False, '`true`': True}.get(default)
    if parsed is None:
        text = default.strip('`')
        parsed = ast.literal_eval(text) if not isinstance(spec.default, str) else text.strip('"')
    assert parsed == spec.default
    expected = f'`{spec.pattern}`' if spec.pattern else spec.constraint or 'any'
    assert allowed.replace('\\|', '|') == expected
    assert when == ('start' if spec.read_only else 'any time')
    assert meaning == spec.description


@pytest.mark.ros
def test_page_lists_the_topics_services_and_actions_of_the_node(ros_domain):
    import rclpy

    pytest.importorskip('gptsovits_ros.msg')
    from gptsovits_ros.ros.speech_node import SpeechNode

    context = rclpy.Context()
    rclpy.init(args=['--ros-args', '-p', 'stream.stamped:=true'], context=context)
    node = SpeechNode(context=context)
    try:
        name, namespace = node.get_name(), node.get_namespace()
        own = ('/parameter_events', '/rosout')
        published = node.get_publisher_names_and_types_by_node(name, namespace)
        subscribed = node.get_subscriber_names_and_types_by_node(name, namespace)
        served = node.get_service_names_and_types_by_node(name, namespace)
        topics = {t.lstrip('/'): ('out', *types) for t, types in published if t not in own}
        topics |= {t.lstrip('/'): ('in', *types) for t, types in subscribed if t not in own}
        services = {
            s.lstrip('/'): types[0]
            for s, types in served
            if not s.startswith(f'/{name}/') and '_action' not in s
        }
    finally:
        node.destroy_node()
        context.try_shutdown()
    listed = {
        n: (direction, kind.strip('`')) for n, (direction, kind, *_) in rows('Topics').items()
    }
    assert listed == {n: t for n, t in topics.items() if '_action' not in n}
    table = rows('Actions and services')
    assert {n: r[1].strip('`') for n, r in table.items() if r[0] == 'service'} == services
    actions = {s.split('/')[1] for s, _ in served if '/_action/' in s}
    assert {n for n, r in table.items() if r[0] == 'action'} == actions
