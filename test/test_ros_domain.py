"""Test processes that run at the same time do not hear each other."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import pytest


def test_domain_is_locked_for_this_process(ros_domain):
    assert 1 <= ros_domain <= 101
    path = Path(tempfile.gettempdir(), f'gptsovits_ros_domain_{ros_domain}.lock')
    with path.open('rb') as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_children_inherit_the_domain(ros_domain):
    assert os.environ['ROS_DOMAIN_ID'] == str(ros_domain)
    assert os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
