"""Prefetching in a thread: the same items, the same errors, and no thread left behind."""

import gc
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from make_clips import Clip

from evoked.core.errors import NoPictureError
from evoked.core.time_grid import TimeGrid
from evoked.media.decode import VideoFrame, prefetch, read_media


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "prefetch"]


def test_the_same_items_in_the_same_order(clips: dict[str, Clip]) -> None:
    def seen(items: Iterator[object]) -> list[object]:
        return [(i.step, i.rgb().tobytes()) if isinstance(i, VideoFrame) else i.start for i in items]  # type: ignore[attr-defined]

    def again() -> Iterator[object]:
        return read_media(clips["constant"].path, frames=TimeGrid(Fraction(6), 36), audio_hz=16000)

    assert seen(prefetch(again(), depth=2)) == seen(again())
    assert threads() == []


def test_it_stays_at_most_depth_ahead() -> None:
    made = 0

    def count() -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    items = prefetch(count(), depth=3)
    assert next(items) == 1
    time.sleep(0.2)
    assert made <= 1 + 3 + 1  # taken, waiting, in hand
    items.close()  # type: ignore[attr-defined]


def test_an_exception_travels() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise NoPictureError("film.mp4: not one frame")

    items = prefetch(failing())
    assert next(items) == 1
    with pytest.raises(NoPictureError, match="not one frame") as caught:
        next(items)
    assert any("failing" in str(entry) for entry in caught.traceback)  # where it was raised
    assert threads() == []


@pytest.mark.parametrize("how", ["close", "drop"])
def test_leaving_early_ends_the_thread_and_closes_the_source(how: str) -> None:
    closed = threading.Event()

    def endless() -> Iterator[np.ndarray]:
        try:
            while True:
                yield np.zeros(1000)
        finally:
            closed.set()

    items = prefetch(endless(), depth=1)
    next(items)
    assert threads() == ["prefetch"]
    if how == "close":
        items.close()  # type: ignore[attr-defined]
    else:
        del items
        gc.collect()
    assert closed.wait(2)
    assert threads() == []


def test_a_film_left_early_is_closed(clips: dict[str, Clip]) -> None:
    def open_files(path: Path) -> int:
        return sum(link.exists() and link.resolve() == path.resolve() for link in Path("/proc/self/fd").iterdir())

    path = clips["constant"].path
    items = prefetch(read_media(path, frames=TimeGrid(Fraction(25), 150)), depth=1)
    next(items)
    assert open_files(path) == 1
    items.close()  # type: ignore[attr-defined]
    assert open_files(path) == 0

    reader = read_media(path, frames=TimeGrid(Fraction(25), 150))
    next(reader)
    reader.close()
    assert open_files(path) == 0


def test_one_that_is_never_asked_starts_nothing() -> None:
    prefetch(iter(range(3)))
    assert threads() == []
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        prefetch(iter(range(3)), depth=0)
