"""How the failures of a batch are reported: one line for each file, and one at the end."""

from pathlib import Path

import click

from evoked.core.errors import EvokedError, WeightsError


class Failures:
    """Reports each failure as it comes; that of a single file is reported alone, at the end.

    Args:
        total: how many files there are.
        what: what they are, for the last line, e.g. "reactions".
        verb: what could not be done with them, e.g. "annotated".
    """

    def __init__(self, total: int, what: str, verb: str) -> None:
        self.told: list[tuple[Path, str]] = []
        self._total, self._what, self._verb = total, what, verb

    def add(self, path: Path, error: EvokedError) -> None:
        """One file failed; a net that cannot be had is raised at once, for it fails them all."""
        if isinstance(error, WeightsError):
            raise error
        line = error_line(path, error)
        self.told.append((path, line))
        if self._total > 1:
            click.echo(f"failed: {line}", err=True)

    def end(self) -> None:
        """EvokedError if any failed."""
        if self.told and self._total == 1:
            raise EvokedError(self.told[0][1])
        if self.told:
            raise EvokedError(
                f"{len(self.told)} of {self._total} {self._what} could not be {self._verb}; the reasons stand above"
            )


def error_line(path: Path, error: EvokedError) -> str:
    """The error's line, with the file named once."""
    return str(error) if str(path) in str(error) else f"{path}: {error}"


def print_note(path: Path, line: str) -> None:
    """Something that a reader of a good result must know, on stderr."""
    click.echo(f"note: {path}: {line}", err=True)
