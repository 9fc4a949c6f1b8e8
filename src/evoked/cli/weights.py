"""evoked weights: list, fetch and verify the pretrained networks; show their licences."""

import json
from collections.abc import Sequence
from typing import TypedDict

import click

from evoked.cli.messages import tell
from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, WeightsError
from evoked.weights.cache import Cache, File, default_cache
from evoked.weights.catalogue import DEFAULT_NETS, NETS, Address, Member, OwnFile, PretrainedNet, part_of
from evoked.weights.clips import CLIPS

__all__ = ["weights"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
_offline_option = click.option("--offline", is_flag=True, help="Download nothing (also: EVOKED_OFFLINE=1).")
_clips_option = click.option("--clips", is_flag=True, help="Also the video clips that samples and tests use.")


class _FetchRow(TypedDict):
    """Result of fetching a file."""

    name: str
    state: str
    path: str | None
    reason: str | None


class _FileRow(TypedDict):
    """A file of the catalogue, and its state in the cache."""

    name: str
    role: str
    bytes: int | None
    licence: str
    state: str
    sha256: str
    path: str
    source: str


@click.group()
def weights() -> None:
    """List, fetch and verify the pretrained networks; show their licences.

    They are stored in EVOKED_CACHE, else XDG_CACHE_HOME/evoked, else ~/.cache/evoked. Files of the same names in the
    folder EVOKED_WEIGHTS are used instead of a download, and are verified too.
    """


@weights.command("list")
@_clips_option
@_json_option
def list_(clips: bool, as_json: bool) -> None:
    """Show the catalogue, and which of its files are in the cache.

    \f

    Args:
        clips: also the video clips.
        as_json: print JSON instead of a table.
    """
    cache = default_cache(offline=True)
    rows = [_row(cache, file) for file in _files(clips)]
    if as_json:
        _json({"cache": str(cache.root), "files": rows})
        return
    table = [(r["name"], r["role"], _megabytes(r["bytes"]), r["licence"], r["state"]) for r in rows]
    _table(("name", "role", "MB", "licence", "in the cache"), table)
    tell(f"cache: {cache.root}; the default pipeline runs {', '.join(DEFAULT_NETS)}")


@weights.command()
@click.argument("names", nargs=-1)
@click.option("--all", "fetch_all", is_flag=True, help="All networks of the catalogue that can be fetched.")
@_offline_option
@_json_option
def fetch(names: Sequence[str], fetch_all: bool, offline: bool, as_json: bool) -> None:
    """Fetch networks or clips into the cache and verify them; without NAMES those of the default pipeline.

    \f

    Args:
        names: of networks or clips.
        fetch_all: all networks that can be fetched.
        offline: download nothing.
        as_json: print JSON instead of a table.

    Raises:
        click.UsageError: if a name is unknown.
        WeightsError: if a file could not be fetched.
    """
    if fetch_all and names:
        raise click.UsageError("give names or --all, not both")
    wanted = [n for n in NETS if not isinstance(NETS[n].source, OwnFile)] if fetch_all else list(names or DEFAULT_NETS)
    if unknown := [n for n in wanted if n not in NETS and n not in CLIPS]:
        raise click.UsageError(f"the catalogue has no {', '.join(unknown)}; see: evoked weights list --clips")
    rows = [_fetch_row(name, offline) for name in wanted]
    if as_json:
        _json({"files": rows})
    else:
        _table(("name", "", "where"), [(r["name"], r["state"], r["path"] or r["reason"] or "") for r in rows])
    if failed := [r["name"] for r in rows if r["state"] == "failed"]:
        raise WeightsError(f"{len(failed)} of {len(rows)} could not be fetched: {', '.join(failed)}")


@weights.command()
@_json_option
def verify(as_json: bool) -> None:
    """Verify the sha256 of every file in the cache; exit code 1 if one is not that of the catalogue."""
    cache = default_cache(offline=True)
    rows = [_row(cache, file) for file in _files(clips=True)]
    rows = [r for r in rows if r["state"] != "absent"]
    stale = [str(path) for path in cache.stale()]
    if as_json:
        _json({"cache": str(cache.root), "files": rows, "to_be_made_again": stale})
    else:
        _table(("name", "state", "file"), [(r["name"], r["state"], r["path"]) for r in rows])
        for path in stale:
            tell(f"{path} was altered; it is made again when it is needed")
    if altered := [r["name"] for r in rows if r["state"] == "altered"]:
        names = " ".join(altered)
        raise WeightsError(
            f"{len(altered)} of {len(rows)} files differ from the catalogue. Run: evoked weights fetch {names}"
        )
    tell(f"{len(rows)} files have the sha256 of the catalogue")


@weights.command()
@_clips_option
@_json_option
def licenses(clips: bool, as_json: bool) -> None:
    """Show the licence and source of each network.

    \f

    Args:
        clips: also the video clips.
        as_json: print JSON instead of a table.
    """
    rows = [{"name": f.name, "licence": f.licence, "credit": _credit(f), "source": _source(f)} for f in _files(clips)]
    if as_json:
        _json(rows)
    else:
        _table(("name", "licence", "credit", "from"), [tuple(r.values()) for r in rows])


def _fetch_row(name: str, offline: bool) -> _FetchRow:
    """Fetch a file; a failure is returned as a row."""
    cache = default_cache(offline=offline)
    try:
        if name in NETS and isinstance(NETS[name].source, Address):
            with bar(name) as progress:  # downloads by pip report no progress
                (path,) = default_cache(offline=offline, progress=progress).fetch([name])
        else:
            (path,) = cache.fetch([name])
        if name in NETS and NETS[name].runs:
            cache.ready(name)  # so that the cache is complete if it is then made read-only
    except EvokedError as error:
        return {"name": name, "state": "failed", "path": None, "reason": str(error)}
    return {"name": name, "state": "done", "path": str(path), "reason": None}


def _files(clips: bool) -> list[File]:
    return [*NETS.values(), *(CLIPS.values() if clips else ())]


def _row(cache: Cache, file: File) -> _FileRow:
    return {
        "name": file.name,
        "role": file.role if isinstance(file, PretrainedNet) else file.what,
        "bytes": file.bytes,
        "licence": file.licence,
        "state": cache.state(file.name),
        "sha256": file.sha256,
        "path": str(cache.place(file)),
        "source": _source(file),
    }


def _source(file: File) -> str:
    source = part_of(file.name).source if isinstance(file, PretrainedNet) else file.source
    if isinstance(source, Address):
        return source.url
    if isinstance(source, OwnFile):
        return f"provided by the user: {source.what}"
    assert isinstance(source, Member)
    return f"{source.package.name}=={source.package.version} ({source.package.kind})"


def _credit(file: File) -> str:
    return "" if isinstance(file, PretrainedNet) else file.credit


def _megabytes(size: int | None) -> str:
    return "?" if size is None else f"{size / 1e6:.2f}"


def _json(value: object) -> None:
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
