"""Signals that end a command. SIGTERM and SIGHUP end it as Ctrl-C does: workers end, half-written files are removed."""

import signal
from types import FrameType

__all__ = ["CONTINUES", "catch_signals", "exit_code", "interruption_note", "was_received"]

CONTINUES = ("run", "sample", "train", "ablate", "recogniser train", "transfer", "library add", "weights fetch")
"""Commands that, given again, go on where they were interrupted."""

_received: list[int] = []


def catch_signals() -> None:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt; one that is ignored (nohup) stays ignored."""
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)


def was_received() -> bool:
    """Whether SIGTERM or SIGHUP was received."""
    return bool(_received)


def exit_code() -> int:
    """128 and the number of the signal that ended the command, as shells count: 130 for Ctrl-C, 143, 129."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def interruption_note(words: list[str]) -> str:
    """What an interrupted command left, and what it does when it is given again.

    Args:
        words: of the command line, without the program's name.

    Returns:
        One line.
    """
    parts = words[:1] == ["predict"] and any(word.split("=")[0] == "--from" for word in words)
    if parts or {words[0] if words else "", " ".join(words[:2])} & set(CONTINUES):
        return "interrupted: finished results are kept; run the same command again to continue"
    if "--live" in words:
        return "interrupted"
    return "interrupted: no unfinished file was written; the same command starts from the beginning"


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Raise once; a second signal must not cut the removal of half-written files short."""
    _received.append(number)
    if len(_received) == 1:
        raise KeyboardInterrupt
