"""How training goes, for TensorBoard: event files beside the training state."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from evoked.core.errors import OutputError
from evoked.learning.training.resume import Epoch

__all__ = ["FOLDER", "TensorBoardLog"]

FOLDER = "tensorboard"


class TensorBoardLog:
    """Writes a point per epoch: loss/train, loss/validation, map/validation.

    Args:
        folder: where; its event files stand in `tensorboard/` there. None: nothing is written.
        taken: steps taken in earlier sittings; what an event file says of later ones no longer counts.

    Raises:
        OutputError: if nothing can be written there.
    """

    def __init__(self, folder: Path | None, taken: int = 0) -> None:
        self._writer: Any = None
        if folder is None:
            return
        from tensorboardX.proto.event_pb2 import Event, SessionLog  # here, because few ask for it
        from tensorboardX.record_writer import RecordWriter

        # Written record by record in this thread: the usual writer's own thread would tell of a full disk where
        # nobody listens. Readers take the files of a folder in the order of their names, which begin with the second.
        self._path = folder / FOLDER
        with self._told():
            self._path.mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{taken:09d}"
            self._writer = RecordWriter(str(self._path / name))
            self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
            start = SessionLog(status=SessionLog.SessionStatus.START)
            self._write(Event(wall_time=time.time(), step=taken + 1, session_log=start))
            self._writer.flush()

    def epoch(self, epoch: Epoch, taken: int) -> None:
        """Note an epoch that ended after so many steps; OutputError if that cannot be written."""
        if self._writer is None:
            return
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.summary import scalar

        told = {
            "loss/train": epoch.loss,
            "loss/validation": epoch.validation_loss,
            "map/validation": epoch.validation_map,
        }
        with self._told():
            for name, value in told.items():
                if value is not None:
                    self._write(Event(wall_time=time.time(), step=taken, summary=scalar(name, value)))
            self._writer.flush()

    def close(self) -> None:
        """End the file; OutputError if its last bytes cannot be written."""
        if self._writer is not None:
            with self._told():
                self._writer.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            writer, self._writer = self._writer, None
            with suppress(OSError, AttributeError):  # it may hold what there is no room for, or not be there yet
                writer.close()
            raise OutputError(
                f"cannot write {self._path}: {error.strerror or error}. Make room and train again: it goes on"
            ) from error
