"""Progress of long work on stderr: how much is done, and the time it will still take."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from evoked.cli.messages import is_quiet
from evoked.core.progress import Progress, silent

__all__ = ["QUIET_S", "bar"]

_BAR = "{desc}: {percentage:3.0f}% |{bar:24}| {elapsed} elapsed, {remaining} left{postfix}"
QUIET_S = 10.0
"""Seconds between lines where stderr is a file or a pipe; shorter work prints none."""


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Draw a progress bar while a block runs; print lines if stderr is not a terminal.

    Args:
        label: name of the work.

    Yields:
        The callable that takes the progress.
    """
    if is_quiet():
        yield silent
        return
    if not sys.stderr.isatty():
        yield _Lines(label)
        return
    drawn = tqdm(desc=label, total=1.0, bar_format=_BAR, leave=False, file=sys.stderr, mininterval=0.2)

    def report(done: float, total: float | None, note: str = "") -> None:
        if total:
            drawn.total = total
        if note:
            drawn.set_postfix_str(note, refresh=False)
        drawn.update(max(0.0, done - drawn.n))

    try:
        yield report
    finally:
        drawn.close()


class _Lines:
    """Progress as lines, for logs."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._started = self._printed = time.monotonic()

    def __call__(self, done: float, total: float | None, note: str = "") -> None:
        time_s = time.monotonic()
        if time_s - self._printed < QUIET_S:
            return
        self._printed = time_s
        elapsed_s = time_s - self._started
        share = done / total if total else 0.0
        remaining = f", {elapsed_s * (1 / share - 1):.0f} s left" if 0 < share <= 1 else ""
        print(
            f"{self._label}: {share:.0%}, {elapsed_s:.0f} s elapsed{remaining}{f', {note}' if note else ''}",
            file=sys.stderr,
            flush=True,
        )
