"""What a benchmark is told: the voice, the device, how often."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.report import Conditions
from gptsovits_ros.settings import EngineSettings
from gptsovits_ros.voice.standin import make_test_voice

WORK = Path(__file__).resolve().parent.parent / '.work' / 'bench'


@dataclass(frozen=True)
class Setup:
    """Arguments of all benchmarks.

    Attributes:
        voice: folder of the voice; None: a stand-in of the size that the benchmark is about.
        device: "cpu" or "cuda:<n>".
        threads: CPU threads of the models.
        runs: how often each quantity is measured.
        utterances: how many are spoken in the benchmarks that count them.
        command: what measures it again.
        precision: number format of the models, one of settings.PRECISIONS.
        draw_ahead: whether the token loop has threads of its own.
        parallel: utterances that are spoken at once.
        pause: whether to wait for Enter when the programs of `peers` are loaded.

    """

    voice: Path | None
    device: str
    threads: int
    runs: int
    utterances: int
    command: str
    precision: str = 'auto'
    draw_ahead: bool = True
    parallel: int = 1
    pause: bool = False

    def voice_folder(self, size: str = 'full') -> Path:
        """Return the folder of the voice; a stand-in is made at the first time."""
        if self.voice is not None:
            return self.voice.resolve()
        folder = WORK / size
        if not folder.exists():
            make_test_voice(folder, size)
        return folder

    def settings(self, folder: Path) -> EngineSettings:
        """Return the settings of an engine that speaks with the voice."""
        return EngineSettings(
            voice_root=str(folder.parent),
            default_voice=folder.name,
            device=self.device,
            threads=self.threads,
            precision=self.precision,
            draw_ahead=self.draw_ahead,
            parallel=self.parallel,
        )

    def conditions(self, device: str) -> Conditions:
        """Return what is equal for all rows; the goals are for the full-size stand-in."""
        special = [self.precision] if self.precision != 'auto' else []
        if not self.draw_ahead:
            special.append('in turns')
        if self.parallel > 1:
            special.append(f'{self.parallel} at once')
        note = f' ({", ".join(special)})' if special else ''
        return Conditions(device, self.threads, self.command, self.voice is None, note)
