"""evoked doctor: what this installation has: versions, processor, cache of networks, tools."""

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import click

from evoked import __version__
from evoked.core.extras import INSTALL_TRAINING, missing_for_training
from evoked.core.text_table import text_table
from evoked.weights.cache import default_cache
from evoked.weights.catalogue import DEFAULT_NETS

__all__ = ["Finding", "diagnose", "doctor"]

PACKAGES = ("numpy", "av", "opencv-python-headless", "openvino", "onnx", "pyarrow", "safetensors", "scipy", "pydantic")
EXTRAS = {
    "train": ("torch", "lightning-fabric", "tensorboardX"),
    "plot": ("pandas", "matplotlib"),
    "ray": ("ray",),
}
CPU_FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
LOW_DISK_GB = 2.0


class Finding(NamedTuple):
    """One line of the diagnosis.

    Attributes:
        name: what was looked at.
        state: "ok", "missing" (something is not there that only some commands need) or "wrong".
        value: what was seen.
        advice: what to do, "" where nothing.
    """

    name: str
    state: str
    value: str
    advice: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print JSON instead of a table")
def doctor(as_json: bool) -> None:
    """Show what this installation has: versions, processor, cache of networks, tools.

    Nothing is fetched or changed. Exit code 1 if something is wrong that every command needs.
    \f

    Args:
        as_json: print JSON.

    Raises:
        SystemExit: 1 if a finding is "wrong".
    """
    findings = diagnose()
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=1, ensure_ascii=False))
    else:
        rows = [(f.name, f.state, f.value + (f". {f.advice}" if f.advice else "")) for f in findings]
        click.echo(text_table(rows, left=(0, 1, 2)))
    if any(finding.state == "wrong" for finding in findings):
        raise SystemExit(1)


def diagnose() -> list[Finding]:
    """Look at everything that commands depend on; nothing is fetched or changed."""
    return [
        Finding("evoked", "ok", f"{__version__} at {Path(__file__).parents[1]}"),
        _documentation(),
        Finding("Python", "ok", f"{platform.python_version()} at {sys.executable}, {platform.platform()}"),
        _processor(),
        *_packages(),
        *_extras(),
        *_cache(),
        _tool("ffmpeg", "renders staged samples and test media; no other command needs it"),
    ]


def _documentation() -> Finding:
    """The folder that `docs/…` in messages is in: of the source tree, or of the installation."""
    source, installed = Path(__file__).parents[3], Path(sysconfig.get_path("data")) / "share" / "doc" / "evoked"
    for folder in (source, installed):
        if (folder / "docs" / "alignment.md").is_file():
            return Finding("documentation", "ok", str(folder))
    return Finding("documentation", "missing", "not installed with this package")


def _processor() -> Finding:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    name, flags = platform.processor() or platform.machine(), set[str]()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = dict(line.split(":", 1) for line in info.read_text(errors="replace").splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in lines.items()}
        name, flags = fields.get("model name", name), set(fields.get("flags", fields.get("Features", "")).split())
    present = [flag for flag in CPU_FLAGS if flag in flags]
    note = "bf16 is computed natively" if {"avx512_bf16", "amx_bf16"} & flags else "without native bf16"
    return Finding("processor", "ok", f"{name}, {available} cores, {' '.join(present) or 'flags unknown'}; {note}")


def _packages() -> list[Finding]:
    findings = []
    for package in PACKAGES:
        version = _version(package)
        advice = "" if version else "Install evoked again: pip install --force-reinstall evoked"
        findings.append(Finding(package, "ok" if version else "wrong", version or "not installed", advice))
    return findings


def _extras() -> list[Finding]:
    findings = []
    for extra, packages in EXTRAS.items():
        versions = {package: _version(package) for package in packages}
        absent = [package for package, version in versions.items() if not version]
        value = ", ".join(f"{package} {version or 'not installed'}" for package, version in versions.items())
        install = INSTALL_TRAINING if extra == "train" else f"pip install 'evoked[{extra}]'"
        incomplete = absent or (extra == "train" and missing_for_training())
        advice = f"{install} adds it" if incomplete else ""
        findings.append(Finding(f"extra {extra}", "missing" if incomplete else "ok", value, advice))
    return findings


def _cache() -> list[Finding]:
    cache = default_cache(offline=True)
    existing = next(folder for folder in (cache.root, *cache.root.parents) if folder.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    low, writable = free_gb < LOW_DISK_GB, os.access(existing, os.W_OK)
    states = {name: cache.state(name) for name in DEFAULT_NETS}
    absent = [name for name, state in states.items() if state == "absent"]
    altered = [name for name, state in states.items() if state == "altered"]
    advice = "set EVOKED_CACHE to a folder that can be written" if not writable else "free some space" if low else ""
    nets = f"{len(states) - len(absent) - len(altered)} of {len(states)} default networks"
    if altered:
        net_finding = Finding("networks", "wrong", f"{nets}; altered: {', '.join(altered)}", "evoked weights fetch")
    elif absent:
        net_finding = Finding("networks", "missing", f"{nets}; absent: {', '.join(absent)}", "evoked weights fetch")
    else:
        net_finding = Finding("networks", "ok", nets)
    offline = default_cache().offline
    return [
        Finding("cache", "ok" if writable and not low else "wrong", f"{cache.root}, {free_gb:.0f} GB free", advice),
        net_finding,
        Finding("downloads", "ok", "not allowed (EVOKED_OFFLINE)" if offline else "allowed where a network is absent"),
    ]


def _tool(name: str, purpose: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, "ok" if path else "missing", path or f"not found: {purpose}")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
