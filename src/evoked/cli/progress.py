"""One line on stderr that says how far long work has come and how long it will take."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from evoked.core.progress import Progress

BAR = "{desc}: {percentage:3.0f}% |{bar:24}| {elapsed} gone, {remaining} left{postfix}"
QUIET_S = 10.0  # where stderr is a file or a pipe: a line this often, and none for short work


@contextmanager
def bar(what: str) -> Iterator[Progress]:
    """A progress callable that draws a bar while the block runs; plain lines where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    shown = tqdm(desc=what, total=1.0, bar_format=BAR, leave=False, file=sys.stderr, mininterval=0.2)

    def tell(done: float, total: float | None, note: str = "") -> None:
        if total:
            shown.total = total
        if note:
            shown.set_postfix_str(note, refresh=False)
        shown.update(max(0.0, done - shown.n))

    try:
        yield tell
    finally:
        shown.close()


class _Lines:
    """Progress as lines of their own, for logs."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = self._last = time.monotonic()

    def __call__(self, done: float, total: float | None, note: str = "") -> None:
        now = time.monotonic()
        if now - self._last < QUIET_S:
            return
        self._last = now
        gone = now - self._began
        share = done / total if total else 0.0
        left = f", {gone * (1 / share - 1):.0f} s left" if 0 < share <= 1 else ""
        print(
            f"{self._what}: {share:.0%}, {gone:.0f} s gone{left}{f', {note}' if note else ''}",
            file=sys.stderr,
            flush=True,
        )
