"""Errors that libav reports while a file is read: what a demuxer skips, and what a decoder conceals."""

import logging
from collections.abc import Callable, Collection
from typing import NamedTuple, TypeVar

import av
from av.logging import Capture

from evoked.core.damage import Damage

__all__ = ["LibavReports"]

R = TypeVar("R")
LONGEST = 120
"""Characters of a report that are repeated to people."""


class LibavReports:
    """Collects the errors that libav reports in the calls that are made through it.

    Whole files give none (checked with all sample clips and the files of the fuzzer); a damaged one gives some also
    where every packet is decoded: bytes that a demuxer skips, macroblocks that a decoder conceals.

    libav logs through PyAV, whose logging is off at first. It is switched on at the first call, at level ERROR, and
    what no LibavReports collects goes to the logger "libav", which then prints nothing; a level that was set stays.
    PyAV's callback needs the interpreter's lock: decoders that log must run in one thread, as those of MediaReader do.
    """

    def __init__(self) -> None:
        self._sources: dict[str, _Reported] = {}

    def call(self, read: Callable[[], R], position_s: Callable[[], float]) -> R:
        """Call a function of libav's, and collect what it reports; where it raises, the caller counts that.

        Args:
            read: the function.
            position_s: the second of the file that is being read; asked where something is reported.

        Returns:
            What the function returns; what it raises is raised.
        """
        _switch_on()
        capture = Capture()
        with capture:
            result = read()
        if capture.logs:
            self._add(capture.logs, position_s())
        return result

    def _add(self, logs: list[tuple[int, str, str]], position_s: float) -> None:
        for level, name, text in logs:
            if level > av.logging.ERROR:
                continue
            line = f"{name}: {' '.join(text.split())}"[:LONGEST]
            known = self._sources.get(name, _Reported(0, line, position_s, position_s))
            self._sources[name] = _Reported(
                known.number + 1, known.first, min(known.from_s, position_s), max(known.to_s, position_s)
            )

    def damage(self, unread: Collection[str] = ()) -> tuple[Damage, ...]:
        """One entry for all that was reported.

        Args:
            unread: names of the codecs of streams that are not read: their parsers report errors all the same.

        Returns:
            The entry; nothing where nothing was reported.
        """
        reported = [entry for name, entry in self._sources.items() if name not in unread]
        if not reported:
            return ()
        count, first = sum(entry.number for entry in reported), reported[0].first
        start, end = min(entry.from_s for entry in reported), max(entry.to_s for entry in reported)
        times = f"{count} errors" if count > 1 else "an error"
        from_s, to_s = f"{start:.1f}", f"{end:.1f}"
        where = f"at {from_s} s" if from_s == to_s else f"from {from_s} s to {to_s} s"
        text = f'damaged: libav reports {times} {where}, first "{first}"; what was read there may be wrong'
        return (Damage("reported", text, start, end),)


class _Reported(NamedTuple):
    """The errors of one part of libav: their number, the first, and the seconds at which they were reported."""

    number: int
    first: str
    from_s: float
    to_s: float


def _switch_on() -> None:
    if av.logging.get_level() is not None:
        return
    logger = logging.getLogger("libav")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    av.logging.set_skip_repeated(False)  # of two files with the same error, the second's would be skipped
    av.logging.set_level(av.logging.ERROR)
