"""Where the videos go that `evoked annotate --preview` and `--blur` write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from evoked.core.errors import EvokedError, OutputError
from evoked.core.files import check_writable
from evoked.core.progress import Progress, part
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.preview import write_preview

SUFFIXES = (".mp4", ".mov", ".mkv")


@dataclass(frozen=True)
class Previews:
    """What is to be written of each reaction.

    Attributes:
        places: reaction → (file, whether faces are hidden) for each that is wanted.
    """

    places: Mapping[Path, Sequence[tuple[Path, bool]]]

    @classmethod
    def planned(cls, reactions: Sequence[Path], content: Path | None, wanted: Mapping[str, Path | None]) -> "Previews":
        """Where each goes, by option; that it can be written is tried before the work.

        Raises:
            click.UsageError: if a file is named for several reactions, or its suffix is no video's.
            OutputError: if a place cannot be written, or is one of the videos that are read.
        """
        places: dict[Path, list[tuple[Path, bool]]] = {r: [] for r in reactions}
        read = [*reactions, *([content] if content else [])]
        for option, place in wanted.items():
            if place is None:
                continue
            for reaction in reactions:
                out = _place(option, place, reaction, len(reactions))
                if any(out.resolve() == taken.resolve() for taken in (*read, *_files(places))):
                    raise OutputError(f"{option} {out}: that is another video of this command; choose another name")
                check_writable(out)
                places[reaction].append((out, option == "--blur"))
        return cls(places)

    def count(self, reaction: Path) -> int:
        """How many are wanted of a reaction."""
        return len(self.places[reaction])

    def write(self, reaction: Path, found: Annotation, progress: Progress) -> list[Path | EvokedError]:
        """Write what is wanted of a reaction.

        Returns:
            For each the file that was written, or why it could not be; the rest goes on.
        """
        told: list[Path | EvokedError] = []
        wanted = self.places[reaction]
        for i, (out, hide) in enumerate(wanted):
            own = part(progress, i / len(wanted), (i + 1) / len(wanted), f"drawing {out.name}")
            try:
                write_preview(reaction, found, out, hide=hide, progress=own)
            except EvokedError as error:
                told.append(error)
            else:
                told.append(out)
        return told


def _files(places: Mapping[Path, Sequence[tuple[Path, bool]]]) -> list[Path]:
    return [out for wanted in places.values() for out, _ in wanted]


def _place(option: str, place: Path, reaction: Path, count: int) -> Path:
    video = place.suffix.lower() in SUFFIXES and not place.is_dir()
    if video and count > 1:
        raise click.UsageError(f"{option}: {count} reactions need a folder, not the file {place.name}")
    if video:
        return place
    if place.suffix and not place.is_dir():
        raise click.UsageError(f"{option} writes a video ({', '.join(SUFFIXES)}) or into a folder, got {place.name}")
    return place / f"{reaction.name}.mp4"
