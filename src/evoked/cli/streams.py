"""Standard output and standard error that may be full, closed, or a pipe that nobody reads any more."""

import errno
import io
import os
import sys

__all__ = ["StreamError", "end_output", "open_streams"]

READER_GONE = 141
"""Exit code where the reader of a pipe has gone, as of a process that SIGPIPE ended: 128 + 13."""


class StreamError(Exception):
    """Standard output cannot be written. No EvokedError: it fails the command, not one file of a batch.

    Args:
        problem: what the system said.

    Attributes:
        code: exit code of the program.
    """

    def __init__(self, problem: OSError) -> None:
        super().__init__(f"cannot write to standard output: {problem.strerror}. Results in files are kept")
        self.code = READER_GONE if problem.errno == errno.EPIPE else 1


class _Output(io.FileIO):
    """Standard output; a StreamError instead of an OSError, which could be that of any file."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            raise StreamError(error) from error


class _Messages(io.FileIO):
    """Standard error; what cannot be written is dropped, for there is no other place to tell it."""

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError:
            return len(data)  # type: ignore[arg-type]


def open_streams() -> None:
    r"""Make the standard streams of this process answer for themselves; those that a caller replaced are left alone.

    A stream that was closed (`>&-`) gets its number back, or the next file that is opened would get it, and what is
    printed would go into that file. Names that are not UTF-8 are printed as \udcff, which JSON reads as the same name.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # for reading only: writing says "Bad file descriptor", as of a closed stream
            os.dup2(os.open(os.devnull, os.O_RDONLY), number)
    if sys.stdout is None or (sys.stdout is sys.__stdout__ and _number(sys.stdout) == 1):
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.stdout = _text(_Output(1, "w", closefd=False), line_buffering=os.isatty(1))
    if sys.stderr is None or (sys.stderr is sys.__stderr__ and _number(sys.stderr) == 2):
        sys.stderr = _text(_Messages(2, "w", closefd=False), line_buffering=True)


def end_output(error: StreamError | None = None) -> int:
    """Write what is left, or give standard output up.

    Args:
        error: why it cannot be written; None: it can.

    Returns:
        The exit code of the error; 0 without one.

    Raises:
        StreamError: if what is left cannot be written.
    """
    if error is None:
        if sys.stdout is not None:
            sys.stdout.flush()
        return 0
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes it once more when it ends
    if error.code != READER_GONE:
        print(f"evoked: {error}", file=sys.stderr)
    return error.code


def _text(raw: io.FileIO, *, line_buffering: bool) -> io.TextIOWrapper:
    encoding = "utf-8" if sys.flags.utf8_mode else None
    buffered = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffered, encoding, "backslashreplace", line_buffering=line_buffering)


def _number(stream: io.TextIOBase | object) -> int:
    try:
        return stream.fileno()  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        return -1
