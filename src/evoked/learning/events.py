"""How training goes, for TensorBoard: event files beside the training state."""

from pathlib import Path
from typing import Any

from evoked.core.errors import OutputError
from evoked.learning.state import Epoch

FOLDER = "tensorboard"


class Metrics:
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
        from tensorboardX import SummaryWriter  # here, because few ask for it

        try:
            # its own names end in the second: two sittings within one would write into one file
            self._writer = SummaryWriter(str(folder / FOLDER), purge_step=taken + 1, filename_suffix=f".{taken:09d}")
        except OSError as error:
            raise OutputError(f"cannot write {folder / FOLDER}: {error.strerror or error}") from error

    def epoch(self, epoch: Epoch, taken: int) -> None:
        """Note an epoch that ended after so many steps."""
        if self._writer is None:
            return
        told = {
            "loss/train": epoch.loss,
            "loss/validation": epoch.validation_loss,
            "map/validation": epoch.validation_map,
        }
        for name, value in told.items():
            if value is not None:
                self._writer.add_scalar(name, value, taken)
        self._writer.flush()

    def close(self) -> None:
        """End the file."""
        if self._writer is not None:
            self._writer.close()
