"""evoked weights: list, fetch, verify the pretrained nets; show their licences."""

import json
from collections.abc import Sequence
from typing import Any

import click

from evoked.cli.progress import bar
from evoked.core.errors import EvokedError, WeightsError
from evoked.weights.cache import Cache, File, default_cache
from evoked.weights.catalogue import DEFAULT_NETS, NETS, Address, Member, OwnFile, PretrainedNet, part_of
from evoked.weights.clips import CLIPS

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
no_network = click.option("--offline", is_flag=True, help="Never touch the network (also: EVOKED_OFFLINE=1).")
with_clips = click.option("--clips", is_flag=True, help="The real clips that samples and tests use, too.")


@click.group()
def weights() -> None:
    """List, fetch and verify the pretrained nets; show their licences.

    They are kept in EVOKED_CACHE, else XDG_CACHE_HOME/evoked, else ~/.cache/evoked. Files of one's own
    are taken, by name and checked all the same, from the folder that EVOKED_WEIGHTS names.
    """


@weights.command("list")
@with_clips
@as_json
def list_(clips: bool, as_json: bool) -> None:
    """Show what there is, and what is in the cache."""
    cache = default_cache(offline=True)
    rows = [_row(cache, file) for file in _files(clips)]
    if as_json:
        _json({"cache": str(cache.root), "files": rows})
        return
    table = [(r["name"], r["role"], _megabytes(r["bytes"]), r["licence"], r["state"]) for r in rows]
    _table(("name", "role", "MB", "licence", "in the cache"), table)
    click.echo(f"cache: {cache.root}; the default pipeline runs {', '.join(DEFAULT_NETS)}", err=True)


@weights.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every net of the catalogue that can be fetched.")
@no_network
@as_json
def fetch(names: Sequence[str], every: bool, offline: bool, as_json: bool) -> None:
    """Have nets or clips in the cache, checked; without NAMES those of the default pipeline."""
    if every and names:
        raise click.UsageError("give names or --all, not both")
    wanted = [n for n in NETS if not isinstance(NETS[n].source, OwnFile)] if every else list(names or DEFAULT_NETS)
    if unknown := [n for n in wanted if n not in NETS and n not in CLIPS]:
        raise click.UsageError(f"nothing is called {', '.join(unknown)}; see: evoked weights list --clips")
    rows = [_fetched(name, offline) for name in wanted]
    if as_json:
        _json({"files": rows})
    else:
        _table(("name", "", "where"), [(r["name"], r["state"], r["path"] or r["reason"]) for r in rows])
    if failed := [r["name"] for r in rows if r["state"] == "failed"]:
        raise WeightsError(f"{len(failed)} of {len(rows)} could not be fetched: {', '.join(failed)}")


@weights.command()
@as_json
def verify(as_json: bool) -> None:
    """Check every file in the cache by its sha256; exit 1 if one is not what the catalogue names."""
    cache = default_cache(offline=True)
    rows = [_row(cache, file) for file in _files(clips=True)]
    rows = [r for r in rows if r["state"] != "absent"]
    stale = [str(path) for path in cache.stale()]
    if as_json:
        _json({"cache": str(cache.root), "files": rows, "to_be_made_again": stale})
    else:
        _table(("name", "state", "file"), [(r["name"], r["state"], r["path"]) for r in rows])
        for path in stale:
            click.echo(f"{path} is not as it was made; it is made again when it is needed", err=True)
    if altered := [r["name"] for r in rows if r["state"] == "altered"]:
        names = " ".join(altered)
        raise WeightsError(
            f"{len(altered)} of {len(rows)} files are not the catalogue's. Run: evoked weights fetch {names}"
        )
    click.echo(f"{len(rows)} files are what the catalogue names", err=True)


@weights.command()
@with_clips
@as_json
def licenses(clips: bool, as_json: bool) -> None:
    """Show each net's licence and where it comes from."""
    rows = [{"name": f.name, "licence": f.licence, "credit": _credit(f), "source": _source(f)} for f in _files(clips)]
    if as_json:
        _json(rows)
    else:
        _table(("name", "licence", "credit", "from"), [tuple(r.values()) for r in rows])


def _fetched(name: str, offline: bool) -> dict[str, Any]:
    """Fetch one; a failure is a row, not the end of the others."""
    cache = default_cache(offline=offline)
    try:
        if name in NETS and isinstance(NETS[name].source, Address):
            with bar(name) as progress:  # pip shows no progress, an address does
                (path,) = default_cache(offline=offline, progress=progress).fetch([name])
        else:
            (path,) = cache.fetch([name])
        if name in NETS and NETS[name].runs:
            cache.ready(name)  # so that a cache that is then made read-only holds all that is needed
    except EvokedError as error:
        return {"name": name, "state": "failed", "path": None, "reason": str(error)}
    return {"name": name, "state": "done", "path": str(path), "reason": None}


def _files(clips: bool) -> list[File]:
    return [*NETS.values(), *(CLIPS.values() if clips else ())]


def _row(cache: Cache, file: File) -> dict[str, Any]:
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
        return f"yours to bring: {source.what}"
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
