"""A PostgreSQL server of one's own, for tests: in a temporary folder, reached through a socket there."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["postgresql", "why_none"]


def _program(name: str) -> str | None:
    debian = sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return shutil.which(name) or (debian[-1] if debian else None)


def _account() -> dict[str, Any]:
    """As whom the server runs: it refuses to be root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def why_none() -> str | None:
    """Why no server can be started here; None where it can."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'evoked[postgresql]'"
    if not all(_program(name) for name in ("initdb", "postgres", "pg_ctl")):
        return "no PostgreSQL server: apt-get install postgresql"
    try:
        pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return "there is no account postgres, as whom the server could run"
    return None


@contextmanager
def postgresql() -> Iterator[str]:
    """A running server; gives an address with {} in place of the database's name."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has a limit
    data, run = folder / "data", _account()
    if run:
        shutil.chown(folder, "postgres", "postgres")
    try:
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/", **run}
        initdb, pg_ctl = str(_program("initdb")), str(_program("pg_ctl"))
        subprocess.run([initdb, "-D", data, "-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8"], **quiet)
        options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
        subprocess.run([pg_ctl, "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)
        try:
            yield f"postgresql+psycopg://tester@/{{}}?host={folder}"
        finally:
            subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
