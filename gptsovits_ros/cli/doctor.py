"""`gptsovits_ros doctor`: tell what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from gptsovits_ros.cli import FAILED, add_roots

if TYPE_CHECKING:
    from gptsovits_ros.doctor import Section

NAME = 'doctor'
HELP = 'check the installation; says which command cures what is missing'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--json', action='store_true', help='as JSON')
    add_roots(parser)


def run(args: argparse.Namespace) -> int:
    """Print all findings; 0 if this machine can speak."""
    from gptsovits_ros.doctor import can_speak, diagnose

    sections = diagnose(args.voice_root, args.model_root)
    well = can_speak(sections)
    if args.json:
        found = {section.title: [asdict(f) for f in section.findings] for section in sections}
        print(json.dumps({'can_speak': well, 'sections': found}, ensure_ascii=False, indent=1))
    else:
        _print_table(sections)
        print('\nThis machine', 'can speak.' if well else 'cannot speak yet: see FAILED.')
    return 0 if well else FAILED


def _print_table(sections: list[Section]) -> None:
    """Print one line per finding, and below it what to do."""
    for section in sections:
        print(f'\n{section.title}')
        for finding in section.findings:
            print(f'  {finding.status:8} {finding.name:32} {finding.value}')
            if finding.cure:
                print(f'  {"":8} {"":32} -> {finding.cure}')
