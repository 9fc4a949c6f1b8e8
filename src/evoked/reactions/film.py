"""Which faces of a reaction are the film's own (spec §1: those in the content's rectangle are no viewers)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evoked.media.play import Picture
from evoked.reactions.offsets import OffsetMap
from evoked.reactions.window import Window, WindowConfig, find_window


@dataclass(frozen=True, eq=False)
class WindowFilm:
    """The film, known by its rectangle and by what lies on top of it.

    Attributes:
        window: where the film is shown.
    """

    window: Window

    def owns(self, picture: Picture, rgb: NDArray[np.uint8], box: NDArray[np.float32]) -> bool:
        """Whether a face's centre lies on the film, where nothing else covers it."""
        x, y = float(box[0] + box[2] / 2), float(box[1] + box[3] / 2)
        return self.window.holds(x, y) and not self.window.covered(x, y)


def film_of(reaction: Path, content: Path, offsets: OffsetMap, config: WindowConfig | None = None) -> WindowFilm | None:
    """Find the film in a reaction; None where it cannot be seen there, only heard.

    Raises:
        MediaError and its kin: if one of the two has no picture that can be decoded.
    """
    window = find_window(reaction, content, offsets, config)
    return WindowFilm(window) if window else None
