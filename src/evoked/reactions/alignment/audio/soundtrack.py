"""The sound of a reaction, and what its file lacks: half a file often explains why nothing is found in it."""

from dataclasses import dataclass
from pathlib import Path

from evoked.core.errors import AlignmentError
from evoked.media.decode import audio_of, damage_lines, read_media
from evoked.media.probe import Media
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.config import SOUND_HZ

__all__ = ["Soundtrack", "damage_suffix", "load_soundtrack"]


@dataclass(frozen=True, eq=False)
class Soundtrack:
    """A file's sound.

    Attributes:
        path: of the file.
        samples: float32, shape (n,), mono at SOUND_HZ; silence where the file breaks off.
        damage: what was wrong with its sound, one line each: empty for a whole file.
    """

    path: Path
    samples: Samples
    damage: tuple[str, ...]

    def refused(self, error: AlignmentError, what: str) -> AlignmentError:
        """The error with what was compared before it, and what the file lacks behind it."""
        return AlignmentError(f"{what}: {error}{damage_suffix(self.path, self.damage)}")


def damage_suffix(path: Path, damage: tuple[str, ...]) -> str:
    """What a file lacks, to be put behind a reason; "" for a whole file."""
    return f" ({path.name} is {'; '.join(damage)})" if damage else ""


def load_soundtrack(path: Path, media: Media | None = None) -> Soundtrack:
    """All the sound of a file.

    Args:
        path: a media file.
        media: its description, where it is known; else the file is probed first.

    Raises:
        NoSoundError: if it has no sound.
        MediaError: if it cannot be read.
    """
    reader = read_media(path, audio_hz=SOUND_HZ, media=media)
    samples = audio_of(reader)
    return Soundtrack(path, samples, damage_lines(reader))
