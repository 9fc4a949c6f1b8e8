"""Losses and scores of each epoch as TensorBoard event files, beside the training state."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from evoked.core.errors import OutputError
from evoked.learning.training.resume import Epoch

if TYPE_CHECKING:
    from tensorboardX import SummaryWriter

__all__ = ["FOLDER", "TensorBoardLog"]

FOLDER = "tensorboard"
ROOM_BYTES = 4096
"""More than the events of one epoch."""
FLUSH_EVERY_S = 1


class TensorBoardLog:
    """Writes one point per epoch: loss/train, loss/validation, map/validation.

    Args:
        folder: of the training state; the event files are in its subfolder `tensorboard`. None: nothing is written.
        steps_done: training steps taken in earlier runs; points of later steps in older event files no longer count.

    Raises:
        OutputError: if the event file cannot be written.
    """

    def __init__(self, folder: Path | None, steps_done: int = 0) -> None:
        self._writer: "SummaryWriter | None" = None  # noqa: UP037 (imported for type checkers only)
        if folder is None:
            return
        from tensorboardX import SummaryWriter  # imported late, because logging is off by default

        self._path = folder / FOLDER
        with self._output_errors():
            self._path.mkdir(parents=True, exist_ok=True)
            self._check_room()
            # Readers take the files of a folder in the order of their names, which begin with the second. The queue
            # has no limit, so that adding a point never waits for the thread of the writer.
            self._writer = SummaryWriter(
                str(self._path),
                purge_step=steps_done + 1,
                max_queue=0,
                flush_secs=FLUSH_EVERY_S,
                filename_suffix=f".{steps_done:09d}",
            )

    def epoch(self, epoch: Epoch, steps_done: int) -> None:
        """Add the points of an epoch.

        Args:
            epoch: losses and scores; what is None gets no point.
            steps_done: training steps at the end of the epoch, the x axis.

        Raises:
            OutputError: if they cannot be written.
        """
        if self._writer is None:
            return
        values = {
            "loss/train": epoch.loss,
            "loss/validation": epoch.validation_loss,
            "map/validation": epoch.validation_map,
        }
        with self._output_errors():
            self._check_room()
            for name, value in values.items():
                if value is not None:
                    self._writer.add_scalar(name, value, steps_done)

    def close(self) -> None:
        """Write what is queued and close the file; OutputError if that fails."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._output_errors():
                writer.close()

    def _check_room(self) -> None:
        """Fail here on a full disk: the writer works in a thread of its own, where nothing catches the error."""
        with tempfile.TemporaryFile(dir=self._path) as file:
            file.write(bytes(ROOM_BYTES))
            file.flush()
            os.fsync(file.fileno())

    @contextmanager
    def _output_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            writer, self._writer = self._writer, None
            if writer is not None:
                with suppress(OSError):
                    writer.close()
            raise OutputError(
                f"cannot write {self._path}: {error.strerror or error}. "
                "Free disk space and train again: training resumes"
            ) from error
