"""Where results go: folders by a slash, files by their suffix, and nothing of another's is replaced without --force."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from evoked.cli.file_provenance import read_origin
from evoked.cli.main import COMMANDS
from evoked.cli.main import evoked as group
from evoked.cli.paths import InputPath, OutputPath

pytestmark = pytest.mark.nets


@pytest.fixture
def two(media: dict[str, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Two videos of other bytes."""
    one, other = tmp_path / "one.mp4", tmp_path / "two.mp4"
    shutil.copy(media["one_frame"], one)
    shutil.copy(media["one_frame"], other)
    with other.open("ab") as file:
        file.write(b"\0\0\0\x08free")  # an empty box of MP4 that every player skips
    return one, other


def line(verb: str, video: Path, model: Path, out: object) -> list[object]:
    """A command line of one video."""
    return {
        "features": ["features", video, "-o", out],
        "annotate": ["annotate", video, "-o", out],
        "labels": ["annotate", video, "--labels", "-o", out],
        "predict": ["predict", video, "--model", model, "-o", out],
    }[verb]


NAMES = {"features": "one.safetensors", "annotate": "one.mp4.parquet", "labels": "labels.parquet",
         "predict": "one.mp4.parquet"}  # fmt: skip


@pytest.mark.parametrize("verb", NAMES)
def test_a_slash_is_a_folder(evoked, two, model, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    other = two[1]
    for video in two:
        ran = evoked(*line(verb, video, model, f"{tmp_path}/res/"))
        assert ran.code == (1 if verb == "labels" and video == other else 0), ran.err
    assert (tmp_path / "res").is_dir()
    assert (tmp_path / "res" / NAMES[verb]).is_file()
    written = {p.name for p in (tmp_path / "res").iterdir()}
    assert written == ({NAMES[verb]} if verb == "labels" else {NAMES[verb], NAMES[verb].replace("one", "two")})


SUFFIX = {"features": "safetensors", "annotate": "csv", "labels": "json", "predict": "vtt"}


@pytest.mark.parametrize("verb", SUFFIX)
def test_what_is_there_needs_force(evoked, two, model, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    one, other = two
    out = tmp_path / f"out.{SUFFIX[verb]}"
    out.write_text("my own work")
    ran = evoked(*line(verb, one, model, out))
    assert (ran.code, ran.out, out.read_text()) == (1, "", "my own work")
    assert "evoked did not write it: choose another place, or give --force" in ran.err

    assert evoked(*line(verb, one, model, out), "--force").code == 0
    first = out.read_bytes()
    assert evoked(*line(verb, one, model, out)).code == 0  # the same command again
    assert out.read_bytes() == first

    ran = evoked(*line(verb, other, model, out))
    assert (ran.code, out.read_bytes()) == (1, first)
    assert "made of one.mp4, which this command does not read: choose another place, or give --force" in ran.err
    assert evoked(*line(verb, other, model, out), "--force").code == 0
    assert "two.mp4" in read_origin(out).inputs  # type: ignore[union-attr]
    one.write_bytes(other.read_bytes() + other.read_bytes()[-8:])  # the same name, other bytes
    assert evoked(*line(verb, one, model, out), "--force").code == 0
    other_bytes = out.read_bytes()
    shutil.copy(other, one)
    ran = evoked(*line(verb, one, model, out))
    assert (ran.code, out.read_bytes()) == (1, other_bytes)
    assert "as it was before" in ran.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["features", "{}", "-o", "x.npz"], "end it in .safetensors, or in / for a folder"),
        (["features", "{}", "{}b", "-o", "x.safetensors"], "a folder is written"),
        (["align", "{}", "{}b", "-o", "m.csv"], "end it in .json"),
        (["align", "{}", "{}b", "--draw", "m.png"], "end it in .svg, .html"),
        (["report", ".", "-o", "x.gif"], "end it in .html, .htm, .png, .svg, .pdf"),
        (["report", "--prediction", "p.csv", "-o", "x.json"], "end it in .html, .htm"),
        (["export", "{model}", "-o", "x.pth"], "end it in .onnx"),
        (["evaluate", "--labels", "l.csv", "--predictions", "p", "-o", "x.csv"], "end it in .json"),
        (["agree", "a.csv", "b.csv", "-o", "x.csv"], "end it in .html, .json"),
        (["predict", "{}", "--model", "{model}", "-o", "x.txt"], "end it in"),
        (["annotate", "{}", "-o", "x.npy"], "end it in"),
        (["train", "--features", "f", "--labels", "l", "-o", "m.safetensors"], "a folder is written"),
        (["ablate", "--features", "f", "--labels", "l", "-o", "m.json"], "a folder is written"),
        (["transfer", "{model}", "f", "-o", "m.html"], "a folder is written"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else "",
)
def test_a_suffix_that_says_something_else_is_refused(  # type: ignore[no-untyped-def]
    evoked, media, model, tmp_path: Path, monkeypatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(media["one_frame"], "v.mp4")
    shutil.copy(media["one_frame"], "v.mp4b")
    before = sorted(tmp_path.iterdir())
    ran = evoked(*(w.replace("{model}", str(model)).replace("{}", "v.mp4") for w in words))
    assert ran.code in (1, 2)
    assert message in ran.err
    assert sorted(tmp_path.iterdir()) == before


def test_maps_drawings_and_graphs_say_what_they_are_of(  # type: ignore[no-untyped-def]
    evoked, media, model, tmp_path: Path
) -> None:
    words = ["align", media["plain"], media["content"], "-o", f"{tmp_path}/m/", "--draw", tmp_path / "d.svg"]
    for _ in range(2):  # the second replaces its own
        assert evoked(*words).code == 0
    (tmp_path / "d.svg").write_text("<svg/>")
    ran = evoked(*words)
    assert (ran.code, (tmp_path / "d.svg").read_text()) == (1, "<svg/>")
    assert (tmp_path / "m" / f"{media['plain'].name}.json").is_file()
    for _ in range(2):
        assert evoked("export", model, "-o", tmp_path / "m.onnx").code == 0
    assert read_origin(tmp_path / "m.onnx").made_by == "export"  # type: ignore[union-attr]


def test_a_preview_says_what_it_is_of_and_not_whose_it_was(  # type: ignore[no-untyped-def]
    evoked, two, tmp_path: Path
) -> None:
    one, other = two
    out = tmp_path / "b.mp4"
    for _ in range(2):
        assert evoked("annotate", one, "--blur", out).code == 0
    ran = evoked("annotate", other, "--blur", out)
    assert ran.code == 1
    assert "choose another place, or give --force" in ran.err
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "format_tags=comment", "-of", "json", out],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    note = json.loads(json.loads(probed.stdout)["format"]["tags"]["comment"])
    assert note["made_by"] == "annotate --blur"
    assert "one" not in json.dumps(note["inputs"])


def test_an_input_is_never_replaced(evoked, two, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "l.json"
    table.write_text("[]")
    ran = evoked("agree", table, table, "-o", table, "--force")
    assert (ran.code, table.read_text()) == (1, "[]")


def commands(group: click.Group, context: click.Context) -> list[click.Command]:
    found = [command for name in group.list_commands(context) if (command := group.get_command(context, name))]
    return [
        c for command in found for c in (commands(command, context) if isinstance(command, click.Group) else [command])
    ]


def test_every_path_argument_is_looked_at_and_every_output_has_force() -> None:
    every = commands(group, click.Context(group))
    assert len(every) > len(COMMANDS)
    for command in every:
        paths = [p for p in command.params if isinstance(p.type, click.Path)]
        single = [p for p in paths if p.nargs == 1]
        assert all(isinstance(p.type, InputPath | OutputPath) for p in single), command.name
        outputs = [p for p in paths if p.name in ("output", "draw", "preview", "blur")]
        assert all(isinstance(p.type, OutputPath) for p in outputs), command.name
        assert bool(outputs) == any("--force" in p.opts for p in command.params), command.name


def test_a_table_that_was_edited_is_no_longer_evokeds(evoked, two, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out.csv"
    words = ["annotate", two[0], "-o", out]
    assert evoked(*words).code == 0
    assert evoked(*words).code == 0
    later = out.stat().st_mtime_ns + 2_000_000_000
    out.write_text("edited by hand")
    os.utime(out, ns=(later, later))
    ran = evoked(*words)
    assert (ran.code, out.read_text()) == (1, "edited by hand")
    assert "evoked did not write it" in ran.err


def test_a_page_is_of_a_study_with_these_videos_not_with_these_names(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    def study(where: str, name: str, last: bytes) -> Path:
        root = tmp_path / where / name
        for folder, video in (("contents", "content"), ("reactions", "plain")):
            (root / folder).mkdir(parents=True)
            shutil.copy(media[video], root / folder / "a.mp4")
        with (root / "reactions" / "a.mp4").open("ab") as file:
            file.write(last)
        (root / "results").mkdir()
        return root

    page = tmp_path / "page.html"
    own, other = study("1", "s", b""), study("2", "s", b"\0\0\0\x08free")
    for _ in range(2):  # the second time it replaces its own
        assert evoked("report", own, "-o", page).code == 0
    shutil.copy(media["plain"], own / "reactions" / "b.mp4")  # a study that has grown is the same one
    assert evoked("report", own, "-o", page).code == 0
    written = page.read_bytes()
    for stranger in (other, study("1", "named otherwise", b"")):
        refused = evoked("report", stranger, "-o", page)
        assert (refused.code, page.read_bytes()) == (1, written)
        assert "choose another place, or give --force" in refused.err
    assert not list((own / "results").rglob("digests.json")), "a report writes no records of the study"
    assert evoked("report", other, "-o", page, "--force").code == 0
