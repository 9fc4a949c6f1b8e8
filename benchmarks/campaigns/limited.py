"""Run a command of evoked in a forked child with limits on time and memory.

The parent has imported everything and loaded the networks, so that a case costs what its file costs. Networks are
loaded with one thread each: OpenVINO then computes in the calling thread, and a forked child can use them (checked to
the bit). The child is in a process group of its own, which is killed with it.
"""

import os
import resource
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Limits", "Outcome", "load_everything", "run_forked", "run_limited"]


@dataclass(frozen=True)
class Limits:
    """Limits of a case.

    Attributes:
        cpu_s: processor time; more is a hang.
        wall_s: time by the clock, for what waits and does not compute; more is a hang.
        memory_mb: address space that may be added to that of the parent.
    """

    cpu_s: int = 60
    wall_s: float = 600.0
    memory_mb: int = 3000


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        code: exit code; negative: the signal that ended it.
        hung: whether a limit on time ended it.
        cpu_s: processor time.
        peak_mb: the most memory that it held, that of the parent included.
        out: what it wrote to standard output.
        err: what it wrote to standard error.
    """

    code: int
    hung: bool
    cpu_s: float
    peak_mb: float
    out: str
    err: str

    @property
    def fault(self) -> str:
        """ "crash", "hang", "memory", "traceback", "unclear" (a failure without its line); empty: none."""
        if self.hung:
            return "hang"
        if "MemoryError" in self.err or "bad_alloc" in self.err:
            return "memory"
        if self.code < 0 or self.code >= 128:
            return "crash"
        if "Traceback (most recent call last)" in self.err:
            return "traceback"
        if self.code != 0 and not any(line.startswith(("evoked: ", "Error: ")) for line in self.err.splitlines()):
            return "unclear"
        return ""


def load_everything() -> None:
    """Import every command, and load the networks with one thread each."""
    from evoked.cli import main, progress
    from evoked.faces.detect import DetectConfig, FaceDetector
    from evoked.faces.mesh import FaceMesh
    from evoked.features.extract import Extractor, FeatureConfig
    from evoked.weights import session

    for name in main.COMMANDS:
        main.evoked.get_command(None, name)  # type: ignore[arg-type]
    progress.QUIET_S = float("inf")  # no progress lines, which depend on the time
    loaded: dict[tuple[object, ...], Any] = {}
    load = session._OpenVino

    def shared(path: Any, precision: Any, _threads: int, shape: Any) -> Any:
        key = (path, precision, shape)
        if key not in loaded:
            loaded[key] = load(path, precision, 1, shape)
        return loaded[key]

    session._OpenVino = shared  # type: ignore[assignment, misc]
    FaceDetector(DetectConfig())
    FaceMesh()
    Extractor(FeatureConfig())


def run_limited(words: Sequence[str], folder: Path, limits: Limits, stdin: Path | None = None) -> Outcome:
    """Run a command of evoked in a forked child.

    Args:
        words: of the command line, without the program's name.
        folder: an empty or new folder, the child's working folder; out.txt and err.txt are written into it.
        limits: on its time and memory.
        stdin: the file that standard input reads; None: nothing.

    Returns:
        How it ended.
    """

    def command() -> int:
        from evoked.cli.main import main

        sys.argv = ["evoked", *words]
        try:
            main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return 0

    return run_forked(command, folder, limits, stdin)


def run_forked(command: Callable[[], int], folder: Path, limits: Limits, stdin: Path | None = None) -> Outcome:
    """Run a function in a forked child.

    Args:
        command: returns an exit code.
        folder: as for `run_limited`.
        limits: on its time and memory.
        stdin: as for `run_limited`.

    Returns:
        How it ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_the_child(command, folder, limits, stdin)
    ended_in_time = _wait(child, limits.wall_s)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    cpu_s = usage.ru_utime + usage.ru_stime
    hung = not ended_in_time or code == -signal.SIGXCPU or (code == -signal.SIGKILL and cpu_s >= limits.cpu_s)
    out, err = ((folder / name).read_text("utf-8", "replace") for name in ("out.txt", "err.txt"))
    return Outcome(code, hung, round(cpu_s, 3), round(usage.ru_maxrss / 1024, 1), out, err)


def _wait(child: int, wall_s: float) -> bool:
    """Whether a child ended in time; it is left to be waited for."""
    handle = os.pidfd_open(child)
    try:
        return bool(select.select([handle], [], [], wall_s)[0])
    finally:
        os.close(handle)


def _be_the_child(command: Callable[[], int], folder: Path, limits: Limits, stdin: Path | None) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.dup2(os.open(stdin or os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out.txt"), (2, "err.txt")):
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(file, number)
            os.close(file)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        os.chdir(folder)
        held = _address_space()
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (held + limits.memory_mb * 2**20,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = command()
        threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does: threads that never end are a hang
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
