"""Curves of a run as a picture."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from gptsovits_ros.errors import ConfigurationError, DependencyMissingError
from gptsovits_ros.training.progress import LOG_FILE, read_log

PLOT_FILE = 'losses.png'
COLUMNS = 3
FEW_POINTS = 30


def plot_losses(folder: Path) -> Path:
    """Draw every value of the log of a run over its steps, and return the file.

    Values of the dev splits share the panel of the training value of the same name.

    Raises:
        DependencyMissingError: matplotlib is not installed.
        ConfigurationError: the run has no log, or the picture cannot be written.

    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyMissingError(
            'plots need matplotlib: pip install "gptsovits_ros[train]"'
        ) from error
    rows = read_log(folder / LOG_FILE)
    if not rows:
        raise ConfigurationError(f'{folder} has no log to plot')
    panels: dict[str, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    for step, _seconds, name, value in rows:
        split, _, quantity = name.rpartition('/')
        panels[quantity][split or 'train'].append((step, value))
    count = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(5 * COLUMNS, 3.2 * count), layout='constrained')
    FigureCanvasAgg(figure)
    for place, (quantity, curves) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(count, COLUMNS, place, title=quantity, xlabel='step')
        for split, points in curves.items():
            # A single evaluation makes no line.
            marker = '.' if len(points) < FEW_POINTS else ''
            axes.plot(*zip(*points, strict=True), label=split, linewidth=1, marker=marker)
        axes.grid(alpha=0.3)
        axes.legend(fontsize='small')
    path = folder / PLOT_FILE
    try:
        figure.savefig(path, dpi=100)
    except OSError as error:
        raise ConfigurationError(f'cannot write {path}: {error.strerror}') from error
    return path
