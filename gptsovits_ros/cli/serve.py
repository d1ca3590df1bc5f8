"""`gptsovits_ros serve`: an engine that the nodes of several robots share (docs/deployment.md)."""

from __future__ import annotations

import argparse
import sys

from gptsovits_ros.cli.node_parameters import add_parameters, read_parameters

NAME = 'serve'
HELP = 'run an engine that the nodes of several robots share'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--socket',
        metavar='PATH',
        help='socket that nodes find it at, by their parameter engine.socket; its folder must be '
        'closed to other users (default: $XDG_RUNTIME_DIR/gptsovits_ros/engine.sock)',
    )
    parser.add_argument(
        '--parallel',
        type=int,
        metavar='N',
        help='utterances that are spoken at once, instead of engine.parallel',
    )
    add_parameters(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM.

    Raises:
        UsageError: a parameter is not written as NAME:=VALUE.
        GptsovitsError: a parameter or the socket cannot be used.

    """
    from gptsovits_ros.engine import worker
    from gptsovits_ros.engine.client import with_absolute_folders
    from gptsovits_ros.engine.shared_engine import default_socket, serving, socket_path

    values = {'engine.parallel': args.parallel}
    settings = with_absolute_folders(read_parameters(args, **values).engine_settings)
    path = socket_path(args.socket or str(default_socket()))
    with serving(path) as address:
        print(f'engine.socket: {path}', flush=True)
        print('Set that in the YAML of each robot; Ctrl-C ends the engine.', file=sys.stderr)
        return worker.serve(address, settings, is_shared=True)
