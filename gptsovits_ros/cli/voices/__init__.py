"""`gptsovits_ros voices`: what can be done with the voices of a folder, each in its own module.

A task is a module of this package with EPILOG, `add_arguments(parser)` and `run(args) -> int`.
Options that all tasks share may stand before the task or behind it; so a task suppresses their
defaults, which would hide what stood before it.
"""

from __future__ import annotations

import argparse
import importlib

from gptsovits_ros.cli import add_roots

NAME = 'voices'
HELP = 'list, show, make, choose, move, try and delete voices'
# Task -> what it does, in the order in which people meet them. Without a task voices are listed.
TASKS = {
    'list': 'list the voices (the same as no task)',
    'show': 'tell all about a voice: models, recordings, consent, who depends on it',
    'enroll': 'make a voice from recordings of a person, without training',
    'play': 'speak a short sentence in a voice, to hear it',
    'default': 'choose the voice that speaks where none is named',
    'export': 'write a voice into one file, for another robot',
    'import': 'read a voice from such a file',
    'delete': 'delete voices and their recordings',
}
# A module cannot be named by a word of the language.
MODULES = {'import': 'import_'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the tasks, and the options of listing, which needs no task."""
    listing = _load('list')
    listing.add_arguments(parser)
    add_roots(parser)
    parser.set_defaults(run_task=listing.run, json=False)
    tasks = parser.add_subparsers(metavar='TASK', title='tasks')
    for name, text in TASKS.items():
        module = _load(name)
        task = tasks.add_parser(
            name, help=text, description=f'{text[0].upper()}{text[1:]}.', epilog=module.EPILOG
        )
        module.add_arguments(task)
        add_roots(task, argparse.SUPPRESS)
        task.set_defaults(run_task=module.run)


def run(args: argparse.Namespace) -> int:
    """Do the task."""
    return args.run_task(args)


def _load(task: str):
    return importlib.import_module(f'{__name__}.{MODULES.get(task, task)}')
