"""What a bar is, how a command is measured, and the table: the standard library only, on purpose.

A process that is started counts the memory of the one that starts it into its own peak, so whoever
measures others must be small.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryFile

VERSIONS = ("evoked", "av", "openvino", "opencv-python-headless", "numpy", "pyarrow", "torch")


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        what: what was measured.
        bar: what it must reach; empty where there is none.
        measured: what was found, with its circumstances.
        met: whether it does; None where there is no bar, or nothing could be measured.
    """

    what: str
    bar: str
    measured: str
    met: bool | None = None


@dataclass(frozen=True)
class Used:
    """What a command took, its own processes included.

    Attributes:
        wall_s: from start to end.
        cpu_s: user and system seconds over all its threads; more than it needs alone where cores are shared.
        peak_mb: of resident memory (MiB), of its largest process.
        code: its exit code.
        out, err: what it wrote.
        load: the machine's load before it began.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int
    out: str
    err: str
    load: float


class NotMeasured(Exception):
    """A part could not run; the message says what it needs."""


def measure(*command: object, env: dict[str, str] | None = None) -> Used:
    """Run a command to its end, in a process of its own."""
    load = os.getloadavg()[0]
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        begun = time.perf_counter()
        child = subprocess.Popen([str(c) for c in command], stdout=out, stderr=err, env={**os.environ, **(env or {})})
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, talked = out.read(), err.read()
    return Used(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, child.returncode, said, talked, load)


def done(*command: object) -> Used:
    """The same; NotMeasured with the command's last line where it fails."""
    used = measure(*command)
    if used.code:
        raise NotMeasured(f"{Path(str(command[0])).name} ended with {used.code}: {last(used.err or used.out)}")
    return used


def evoked(*words: object) -> tuple[object, ...]:
    """The command line of evoked in this environment."""
    return (sys.executable, "-m", "evoked.cli.main", *words)


def speed(seconds: float, used: Used, cores: int = 2) -> str:
    """How many times real time, by the clock and by what it worked, which other people's load disturbs less."""
    free = min(cores, os.cpu_count() or 1)
    return (
        f"{seconds / used.wall_s:.1f}× ({used.wall_s:.1f} s; CPU {used.cpu_s:.1f} s, so at most "
        f"{free * seconds / used.cpu_s:.1f}× on {free} free cores; load before {used.load:.1f})"
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, columns aligned."""
    cells = [("what", "bar", "measured", "met"), *((r.what, r.bar, r.measured, _word(r)) for r in rows)]
    widths = [max(len(line[i]) for line in cells) for i in (0, 1)]
    lines = [f"| {a.ljust(widths[0])} | {b.ljust(widths[1])} | {c} | {d} |" for a, b, c, d in cells]
    return "\n".join([lines[0], "|---|---|---|---|", *lines[1:]])


def machine() -> str:
    """What all this ran on."""
    versions = ", ".join(f"{name} {_version(name)}" for name in VERSIONS)
    return (
        f"{_cpu()}, {os.cpu_count()} cores (this process may use {len(os.sched_getaffinity(0))}), {_memory()} GiB of "
        f"memory; {platform.system()} {platform.release()}, Python {platform.python_version()}; {versions}; "
        f"load {', '.join(f'{v:.1f}' for v in os.getloadavg())}; {time.strftime('%Y-%m-%d %H:%M')}"
    )


def last(text: str) -> str:
    """Its last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing said"


def wait_for_quiet(most_s: float, load: float = 1.5) -> None:
    """Wait until the machine's load is low, no longer than told; timings taken beside others mean little."""
    until = time.monotonic() + most_s
    while os.getloadavg()[0] >= load and time.monotonic() < until:
        time.sleep(5)


def _word(row: Row) -> str:
    return "" if row.met is None else "yes" if row.met else "**no**"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f}"
