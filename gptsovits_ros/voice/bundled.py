"""The voices that come with the package, in a folder that nobody writes to."""

from __future__ import annotations

from pathlib import Path

from gptsovits_ros.voice.default_file import read_default
from gptsovits_ros.voice.moves import voices_in
from gptsovits_ros.voice.voice_file import Voice, read_voice

# With links followed: an installation may consist of links to the sources, and what a voice names
# must lie in its folder by the same path.
BUNDLED_ROOT = Path(__file__).resolve().parents[1] / 'bundled' / 'voices'


class BundledVoices:
    """Reads the voices of a folder that is only read; they take models from one another alone.

    So what somebody puts into their own voice root never changes how a bundled voice sounds.
    """

    def __init__(self, root: str | Path = '') -> None:
        """Take the folder; empty: that of the package. It may be missing."""
        self.root = Path(root) if root else BUNDLED_ROOT

    def names(self) -> list[str]:
        """Return the names of the voices, sorted."""
        return sorted(voices_in(self.root))

    def read(self, folder: Path, model_root: Path) -> Voice:
        """Return one of the voices, or a copy of one in another folder.

        Raises:
            VoiceInvalidError: its voice.yaml is wrong, or a file that it names is missing.

        """
        return read_voice(folder, model_root, (self.root,))

    @property
    def default(self) -> str:
        """Name of the one that speaks where nobody chose: the package says, else the first."""
        names, chosen = self.names(), read_default(self.root)
        return chosen if chosen in names else next(iter(names), '')
