"""The sound of a file and its damage: half a file often explains why it cannot be aligned."""

from dataclasses import dataclass
from pathlib import Path

from evoked.core.damage import Damage
from evoked.core.errors import AlignmentError
from evoked.media.decode import audio_of, damage_lines, read_media
from evoked.media.probe import Media, track_notes
from evoked.reactions.alignment.audio.gcc_phat import Samples
from evoked.reactions.alignment.config import SOUND_HZ

__all__ = ["Soundtrack", "damage_suffix", "load_soundtrack"]


@dataclass(frozen=True, eq=False)
class Soundtrack:
    """A file's sound.

    Attributes:
        path: of the file.
        samples: float32, shape (n,), mono at SOUND_HZ; silence where the file breaks off.
        damage: damage of its sound, one line each; empty for an intact file.
        defects: the same with kinds and seconds.
        notes: which of several audio tracks it is.
    """

    path: Path
    samples: Samples
    damage: tuple[str, ...]
    defects: tuple[Damage, ...] = ()
    notes: tuple[str, ...] = ()

    def refused(self, error: AlignmentError, compared: str) -> AlignmentError:
        """The error with the names of the compared files before it and the damage of the file after it.

        Args:
            error: why the file cannot be aligned.
            compared: names of the compared files.

        Returns:
            A new error, to be raised.
        """
        return AlignmentError(f"{compared}: {error}{damage_suffix(self.path, self.damage)}")


def damage_suffix(path: Path, damage: tuple[str, ...]) -> str:
    """The damage of a file as a suffix of a message.

    Args:
        path: of the file.
        damage: one line each.

    Returns:
        A space and the damage in brackets; "" for an intact file.
    """
    if not damage:
        return ""
    verb = " is" if damage[0].startswith(("cut off", "damaged")) else ":"
    return f" ({path.name}{verb} {'; '.join(damage)})"


def load_soundtrack(path: Path, media: Media | None = None) -> Soundtrack:
    """All the sound of a file.

    Args:
        path: a media file.
        media: its description, where it is known; otherwise the file is probed first.

    Returns:
        Its samples and their damage.

    Raises:
        NoSoundError: if it has no sound.
        MediaError: if it cannot be read.
    """
    reader = read_media(path, audio_hz=SOUND_HZ, media=media)
    samples = audio_of(reader)
    notes = track_notes(reader.media)
    damage = tuple(line for line in damage_lines(reader) if line not in notes)
    return Soundtrack(path, samples, damage, reader.damage, notes)
