"""One line on stderr that says how far long work has come and how long it will take."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from evoked.core.progress import Progress

BAR = "{desc}: {percentage:3.0f}% |{bar:24}| {elapsed} gone, {remaining} left{postfix}"


@contextmanager
def bar(what: str) -> Iterator[Progress]:
    """A progress callable that draws a bar while the block runs; every ten seconds where stderr is a file."""
    shown = tqdm(
        desc=what,
        total=1.0,
        bar_format=BAR,
        leave=False,
        file=sys.stderr,
        mininterval=0.2 if sys.stderr.isatty() else 10,
        ascii=" #" if not sys.stderr.isatty() else None,
    )

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
