"""Files that evoked annotate --preview and --blur write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from evoked.cli.outputs import claim
from evoked.core.errors import EvokedError, OutputError
from evoked.core.files import canonical, sha256
from evoked.core.names import derived_name
from evoked.core.progress import Progress, part
from evoked.reactions.viewers.annotation import Annotation
from evoked.reactions.viewers.preview import write_preview

__all__ = ["PreviewTarget", "Previews"]

_SUFFIXES = (".mp4", ".mov", ".mkv")


class PreviewTarget(NamedTuple):
    """A video to write, and whether its faces are blurred."""

    path: Path
    blur: bool


@dataclass(frozen=True)
class Previews:
    """The videos to write of each reaction.

    Attributes:
        targets: reaction → its videos.
    """

    targets: Mapping[Path, Sequence[PreviewTarget]]

    @classmethod
    def planned(cls, reactions: Sequence[Path], content: Path | None, wanted: Mapping[str, Path | None]) -> "Previews":
        """Plan the files, and check that they can be written.

        Args:
            reactions: the reaction videos.
            content: the content, or None.
            wanted: option (--preview, --blur) → a file or folder; None: not wanted.

        Returns:
            The planned videos.

        Raises:
            click.UsageError: if a file is given for several reactions, or its suffix is not that of a video.
            OutputError: if a file cannot be written, or is one of the videos that are read.
        """
        targets: dict[Path, list[PreviewTarget]] = {r: [] for r in reactions}
        inputs = [*reactions, *([content] if content else [])]
        for option, destination in wanted.items():
            if destination is None:
                continue
            for reaction in reactions:
                out = _file(option, destination, reaction, len(reactions))
                if any(out.resolve() == taken.resolve() for taken in (*inputs, *_files(targets))):
                    raise OutputError(f"{option} {out}: that is another video of this command; choose another name")
                claim(out, f"annotate {option}", partial(_inputs, reaction), inputs)
                targets[reaction].append(PreviewTarget(out, blur=option == "--blur"))
        return cls(targets)

    def count(self, reaction: Path) -> int:
        """How many videos are written of a reaction."""
        return len(self.targets[reaction])

    def write(self, reaction: Path, annotation: Annotation, progress: Progress) -> list[Path | EvokedError]:
        """Write the videos of a reaction.

        Args:
            reaction: the reaction video.
            annotation: its viewers.
            progress: called with the share that is done.

        Returns:
            For each video its file, or the error if it could not be written.
        """
        results: list[Path | EvokedError] = []
        targets = self.targets[reaction]
        for i, (out, blur) in enumerate(targets):
            drawing = part(progress, i / len(targets), (i + 1) / len(targets), f"drawing {out.name}")
            try:
                made_by = "annotate --blur" if blur else "annotate --preview"
                comment = canonical({"inputs": _inputs(reaction), "made_by": made_by})
                write_preview(reaction, annotation, out, hide=blur, comment=comment, progress=drawing)
            except EvokedError as error:
                results.append(error)
            else:
                results.append(out)
        return results


def _inputs(reaction: Path) -> dict[str, str]:
    """The input of a preview; without the file's name, because a blurred video is made to be shared."""
    return {"reaction": sha256(reaction)}


def _files(targets: Mapping[Path, Sequence[PreviewTarget]]) -> list[Path]:
    return [target.path for of_reaction in targets.values() for target in of_reaction]


def _file(option: str, destination: Path, reaction: Path, count: int) -> Path:
    is_video = destination.suffix.lower() in _SUFFIXES and not destination.is_dir()
    if is_video and count > 1:
        raise click.UsageError(f"{option}: {count} reactions need a folder, not the file {destination.name}")
    if is_video:
        return destination
    if destination.suffix and not destination.is_dir():
        raise click.UsageError(
            f"{option} writes a video ({', '.join(_SUFFIXES)}) or into a folder, got {destination.name}"
        )
    return destination / derived_name(reaction.name, ".mp4")
