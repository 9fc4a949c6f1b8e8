"""Failures of a batch: one line for each file, and one at the end."""

from pathlib import Path

from evoked.cli.messages import fail, tell
from evoked.core.errors import EvokedError, WeightsError

__all__ = ["Failures", "error_line", "print_note"]


class Failures:
    """Prints each failure when it occurs; if the batch is one file, only at the end.

    Args:
        total: number of files.
        noun: plural noun for the files in the last line, e.g. "reactions".
        participle: of the action that failed, e.g. "annotated".

    Attributes:
        reported: (file, line) of each failure.
    """

    def __init__(self, total: int, noun: str, participle: str) -> None:
        self.reported: list[tuple[Path, str]] = []
        self._total, self._noun, self._participle = total, noun, participle

    def add(self, path: Path, error: EvokedError) -> None:
        """Report that a file failed.

        Args:
            path: the file.
            error: why.

        Raises:
            WeightsError: at once, because a network that cannot be loaded fails every file.
        """
        if isinstance(error, WeightsError):
            raise error
        line = error_line(path, error)
        self.reported.append((path, line))
        if self._total > 1:
            fail(f"failed: {line}")

    def end(self) -> None:
        """End the batch.

        Raises:
            EvokedError: if a file failed.
        """
        if self.reported and self._total == 1:
            raise EvokedError(self.reported[0][1])
        if self.reported:
            raise EvokedError(
                f"{len(self.reported)} of {self._total} {self._noun} could not be {self._participle}; "
                "the reasons are above"
            )


def error_line(path: Path, error: EvokedError) -> str:
    """The message of an error, with its file named once.

    Args:
        path: the file.
        error: raised for it.

    Returns:
        One line.
    """
    return str(error) if str(path) in str(error) else f"{path}: {error}"


def print_note(path: Path, line: str) -> None:
    """Print a note about a result on stderr.

    Args:
        path: the file that the note is about.
        line: the note.
    """
    tell(f"note: {path}: {line}")
