"""A kill campaign: commands that are killed at random times and given again end as if nobody had killed them."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from campaigns.kill_jobs import JOBS, KillJob, lay_out
from campaigns.records import ROOT, Records, code_digest, revision

__all__ = ["KillCampaign", "Plan", "draw_plan", "result_digests"]

MOST_KILLS = 4
"""Kills of one command before it may end."""
KEPT = 0.7
"""Share of a killed process's work that is about done when it is given again; so later kills come sooner."""
POLL_S = 0.01
MOST_S = 900.0
"""A command that takes longer hangs."""
LOCKS = (".evoked.lock", ".lock")
"""Files of locks stay; they hold the process that had it last."""


class Plan(NamedTuple):
    """What is done in one case.

    Attributes:
        job: name of the command.
        workers: its number of worker processes.
        shares: when each process is killed, as shares of the processor time that is about left.
    """

    job: str
    workers: int
    shares: tuple[float, ...]


def draw_plan(seed: int, case: int, jobs: Sequence[str]) -> Plan:
    """Draw a case; it depends on its numbers only.

    Args:
        seed: of the campaign.
        case: number of the case.
        jobs: names of the commands to draw from.

    Returns:
        The plan.
    """
    rng = np.random.default_rng([seed, case])
    weights = np.array([JOBS[name].weight for name in jobs])
    name = str(rng.choice(list(jobs), p=weights / weights.sum()))
    kills = int(rng.integers(1, MOST_KILLS + 1))
    return Plan(name, int(rng.integers(1, 3)), tuple(round(float(share), 4) for share in rng.random(kills)))


def result_digests(folder: Path, job: KillJob) -> dict[str, str]:
    """The files that a command wrote.

    Args:
        folder: of the case.
        job: the command.

    Returns:
        Path in the result's folder → sha256; hidden files too, so that nothing half-written passes for finished.
    """
    result = folder / job.result
    digests = {}
    for path in sorted(path for path in result.rglob("*") if path.is_file()):
        name = path.relative_to(result).as_posix()
        if not name.endswith(LOCKS) and not any(name.startswith(f"{part}/") for part in job.passed_over):
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests


class KillCampaign:
    """Runs cases, and keeps the folder of each that went wrong.

    Args:
        root: folder of all campaigns.
        seed: of this campaign.
        jobs: names of the commands to draw from.
    """

    def __init__(self, root: Path, seed: int, jobs: Sequence[str] = tuple(JOBS)) -> None:
        self._root, self._seed, self._jobs = root, seed, tuple(jobs)
        self._packages = lay_out(root, any(JOBS[name].downloads for name in jobs))
        self._folder = root / f"seed-{seed}"
        self._code, self._revision = code_digest()[:12], revision()
        self.records = Records(self._folder)

    def run(self, kills: int) -> None:
        """Run the cases that have no record yet, in order, until so many processes were killed.

        Args:
            kills: number of killed processes, recorded ones included.
        """
        done = {row["case"]: row for row in self.records.all()}
        case = killed = 0
        while killed < kills:
            if case not in done:
                done[case] = self.run_case(case)
                self.records.add(done[case])
            killed += done[case]["kills"]
            case += 1

    def run_case(self, case: int) -> dict[str, Any]:
        """Kill a command as its plan says, let it end, and compare; a failure is kept in the folder `kept/CASE`.

        Args:
            case: its number.

        Returns:
            Its record.
        """
        plan = draw_plan(self._seed, case, self._jobs)
        job = JOBS[plan.job]
        left_s, whole = self._undisturbed(plan.job)
        folder = self._laid_out(self._folder / "work", job)
        kills = 0
        for share in plan.shares:
            kills += _killed(self._start(folder, job, plan.workers), share * left_s)
            left_s *= 1 - KEPT * share
        code, stderr = _ended(self._start(folder, job, plan.workers))
        apart = _differences(whole, result_digests(folder, job))
        row = {
            "case": case,
            "seed": self._seed,
            "revision": self._revision,
            **plan._asdict(),
            "kills": kills,
            "code": code,
            "traceback": "Traceback" in stderr,
            "apart": apart,
            "stderr": stderr.splitlines()[-5:] if code else [],
        }
        if code or apart or row["traceback"]:
            kept = self._folder / "kept" / str(case)
            shutil.rmtree(kept, ignore_errors=True)
            kept.parent.mkdir(exist_ok=True)
            folder.rename(kept)
            (kept / "case.json").write_text(json.dumps(row, indent=1))
            (kept / "stderr.txt").write_text(stderr)
        shutil.rmtree(folder, ignore_errors=True)
        return row

    def _undisturbed(self, name: str) -> tuple[float, dict[str, str]]:
        """Processor seconds and result of a command that nobody kills, with one worker; made once for each code."""
        path = self._root / f"undisturbed-{name}-{self._code}.json"
        if not path.is_file():
            folder = self._laid_out(self._folder / f"undisturbed-{name}", JOBS[name])
            before = os.times()
            code, stderr = _ended(self._start(folder, JOBS[name], 1))
            after = os.times()
            whole_s = after.children_user + after.children_system - before.children_user - before.children_system
            if code:
                raise RuntimeError(f"{name} fails although nobody kills it:\n{stderr}")
            made = {"seconds": whole_s, "files": result_digests(folder, JOBS[name])}
            part = path.with_suffix(".part")
            part.write_text(json.dumps(made))
            part.replace(path)
            shutil.rmtree(folder)
        made = json.loads(path.read_text())
        return float(made["seconds"]), dict(made["files"])

    def _laid_out(self, folder: Path, job: KillJob) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if job.prepare is not None:
            job.prepare(folder, self._root)
        return folder

    def _start(self, folder: Path, job: KillJob, workers: int) -> "subprocess.Popen[bytes]":
        own = {"OMP_NUM_THREADS": "1", "EVOKED_OFFLINE": "1", "PYTHONPATH": str(ROOT / "src")}
        return subprocess.Popen(
            [sys.executable, *job.words(workers)],
            cwd=folder,
            env=os.environ | own | job.environment(folder, self._packages),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def _killed(process: "subprocess.Popen[bytes]", cpu_s: float) -> bool:
    """Kill a process alone, not its workers, once it and they have used so much processor time; False: it had ended."""
    while process.poll() is None and _processor_s(process.pid) < cpu_s:
        time.sleep(POLL_S)
    process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()  # workers that still end hold it, and the next process is not to wait for them
    return process.returncode == -signal.SIGKILL


def _processor_s(session: int) -> float:
    """Processor time of all processes of a session, and of those that they have waited for; see proc(5)."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ended(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Exit code and stderr of a process that nobody kills; one that hangs is killed, exit code -9."""
    try:
        _, stderr = process.communicate(timeout=MOST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        _, stderr = process.communicate()
    return process.returncode, stderr.decode("utf-8", "replace")


def _differences(whole: dict[str, str], after: dict[str, str]) -> list[str]:
    """Names of files that are missing, surplus or of other bytes."""
    names: Iterable[str] = sorted(whole.keys() | after.keys())
    return [name for name in names if whole.get(name) != after.get(name)]
