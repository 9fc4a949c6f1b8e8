"""The rating server under load: raters who answer at a fixed rate, and what is in the store at the end.

    python benchmarks/rating_load.py [--raters 200] [--clips 10000] [--repeats 3] [--rate 250] [--database URL]

Latency counts from the moment at which an answer was due, so that a server that falls behind cannot hide it. Server and
raters share the machine. Exit code 1 if a clip has not exactly its ratings by different raters, or an answer that was
acknowledged is lost or kept twice.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from evoked.apps.rating.config import PlanConfig
from evoked.apps.rating.invitations import invite
from evoked.apps.rating.open_store import open_store
from evoked.apps.rating.plan import PlannedClip
from evoked.apps.rating.store import write_plan
from evoked.apps.rating.tables import assignments, ratings

NAMES = ("amusement", "concentration", "contentment", "interest", "surprise")


@dataclass
class Load:
    """What was done, and how long it took.

    Attributes:
        acknowledged: clip and rater's number of each answer that the server acknowledged.
        submit_s: from the moment an answer was due to its acknowledgement.
        behind_s: how late the last answer was sent.
        refused: statuses other than 200.
        seconds: of the whole load.
    """

    acknowledged: list[tuple[int, int]] = field(default_factory=list)
    submit_s: list[float] = field(default_factory=list)
    behind_s: float = 0.0
    refused: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0


class Connection:
    """A rater's connection, which is kept open."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        """Status and JSON of an answer; sent again where the server had closed the idle connection."""
        try:
            return await self._post(path, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.streams = None
            return await self._post(path, body)

    async def _post(self, path: str, body: object) -> tuple[int, Any]:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nCookie: {self.cookie}\r\n"
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        if "set-cookie" in headers:
            self.cookie = next(line for line in lines if line.lower().startswith("set-cookie"))[12:].partition(";")[0]
        text = await reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split()[1]), json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        """JSON of an answer."""
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {self.cookie}\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        return json.loads(await reader.readexactly(length))


async def enter(port: int, token: str) -> tuple[Connection, list[int]]:
    """A rater who has consented, and the clips that he holds."""
    connection = Connection(port)
    await connection.post("/api/session", {"token": token})
    version = (await connection.get("/api/state"))["consent_version"]
    await connection.post("/api/consent", {"version": version})
    _, held = await connection.post("/api/clips", {})
    return connection, [clip["clip"] for clip in held["clips"]]


async def run_load(port: int, tokens: list[str], rate: float, seed: int = 0) -> Load:
    """Every rater answers until there is nothing left for him; in all `rate` answers a second fall due.

    Args:
        port: of the server.
        tokens: of the invitations.
        rate: answers a second.
        seed: of the answers.

    Returns:
        What was done.
    """
    load = Load()
    raters = [await enter(port, token) for token in tokens]
    began = time.perf_counter() + 0.2

    async def answer(number: int) -> None:
        connection, held = raters[number]
        draw = random.Random(seed * 100_000 + number)
        turn = 0
        while held:
            due = began + (turn * len(raters) + number) / rate
            turn += 1
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            load.behind_s = max(load.behind_s, time.perf_counter() - due)
            given = {
                "clip": held[0],
                "submission": f"load-{number}-{turn}",
                "present": [name for name in NAMES if draw.random() < 0.2],
                "cannot_tell": False,
                "seconds": 2.0,
            }
            status, told = await connection.post("/api/ratings", given)
            if status == 200:
                load.submit_s.append(time.perf_counter() - due)
                load.acknowledged.append((held[0], number))
            else:
                load.refused[status] += 1
                _, told = await connection.post("/api/clips", {})
            held = [clip["clip"] for clip in told["clips"]]

    await asyncio.gather(*(answer(number) for number in range(len(raters))))
    load.seconds = time.perf_counter() - began
    for connection, _ in raters:
        if connection.streams is not None:
            connection.streams[1].close()
            await connection.streams[1].wait_closed()
    return load


def prepare(study: Path, database: str | None, clips: int, raters: int, repeats: int) -> tuple[sa.Engine, list[str]]:
    """A study with a plan of so many clips of one recording, which nobody looks at; the tokens of its raters."""
    (study / "reactions").mkdir(parents=True)
    (study / "reactions" / "r.mp4").write_bytes(b"no clip of it is asked for")
    engine = open_store(study, database)
    drawn = [PlannedClip("r.mp4", "v1", 3 * i, 3 * i + 3, 1.0, (0, 0, 9, 9)) for i in range(clips)]
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        write_plan(connection, drawn, [], NAMES, PlanConfig(repeats=repeats), clips)
        tokens = [token for _, token in invite(connection, raters)]
    return engine, tokens


def faults(engine: sa.Engine, load: Load, clips: int, repeats: int) -> list[str]:
    """What is wrong in the store after a load; nothing where all is as it should be."""
    query = sa.select(ratings.c.clip, ratings.c.rater).join(assignments, assignments.c.rating == ratings.c.id)
    with engine.connect() as connection:
        kept = [(row.clip, row.rater - 1) for row in connection.execute(query)]
        rows = connection.execute(sa.select(sa.func.count()).select_from(ratings)).scalar_one()
    found = []
    per_clip = Counter(clip for clip, _ in set(kept))
    wrong = [clip for clip in range(1, clips + 1) if per_clip[clip] != repeats]
    if wrong:
        found.append(f"{len(wrong)} clips have not {repeats} different raters")
    if len(kept) != len(set(kept)) or rows != len(kept):
        found.append(f"answers are kept twice: {rows} rows, {len(kept)} that count, {len(set(kept))} different")
    if lost := set(load.acknowledged) - set(kept):
        found.append(f"{len(lost)} acknowledged answers are lost")
    return found


def serve(study: Path, database: str | None) -> tuple[subprocess.Popen[str], int]:
    """A server process and its port."""
    words = ["rate", "serve", str(study), "--port", "0", "--no-cut-ahead"]
    words += ["--database", database] if database else []
    process = subprocess.Popen([sys.executable, "-m", "evoked", *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline().rpartition(":")[2])


def main() -> int:
    """Run the load; print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raters", type=int, default=200)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rate", type=float, default=250.0, help="answers a second, of all raters")
    parser.add_argument("--database", help="as evoked rate serve takes it; SQLite in a temporary folder otherwise")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        engine, tokens = prepare(study, asked.database, asked.clips, asked.raters, asked.repeats)
        process, port = serve(study, asked.database)
        try:
            load = asyncio.run(run_load(port, tokens, asked.rate))
        finally:
            process.terminate()
            process.wait()
        found = faults(engine, load, asked.clips, asked.repeats)
        engine.dispose()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    ms = 1000 * np.percentile(load.submit_s, [50, 95, 99, 100])
    print(f"{len(load.submit_s)} answers in {load.seconds:.1f} s ({len(load.submit_s) / load.seconds:.0f} a second)")
    print(f"submit, ms: median {ms[0]:.1f}, p95 {ms[1]:.1f}, p99 {ms[2]:.1f}, longest {ms[3]:.1f}")
    cpu_ms = 1000 * (used.ru_utime + used.ru_stime) / len(load.submit_s)
    print(f"server: {cpu_ms:.1f} CPU ms an answer, its start included; load average {os.getloadavg()[0]:.0f}")
    print(f"sent late by at most {1000 * load.behind_s:.0f} ms; refused: {dict(load.refused) or 'none'}")
    print("\n".join(found) or f"every clip has {asked.repeats} different raters; no answer is lost or kept twice")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
