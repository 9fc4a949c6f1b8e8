"""The tutorials run as they stand: files, commands and Python, in order; each is the whole way of one person."""

import json
import os
import re
import shlex
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import click
import pandas
import pytest

from evoked.cli.main import evoked as group
from evoked.cli.main import main

FOLDER = Path(__file__).parents[2] / "docs" / "tutorials"
PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```(\S+)(?: text)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """Kind and text of each block: sh, python, or the path of a file."""
    found = []
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "{code-block}":
            caption, _, body = text.partition("\n")
            found.append((caption.removeprefix(":caption: "), body))
        else:
            found.append((kind, text))
    return found


def commands(text: str) -> list[list[str]]:
    """The words of each line; every line is a command of evoked."""
    lines = [shlex.split(line, comments=True) for line in text.splitlines() if line.strip()]
    assert all(words[0] == "evoked" for words in lines)
    return [words[1:] for words in lines]


def follow(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, object], str]:
    """Do what a tutorial says in a folder; its Python names, and what was printed on stdout."""
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    printed = StringIO()
    with redirect_stdout(printed):
        for kind, text in blocks(page):
            if kind == "sh":
                for words in commands(text):
                    monkeypatch.setattr(sys, "argv", ["evoked", *words])
                    with pytest.raises(SystemExit) as ended:
                        main()
                    assert not ended.value.code, words
            elif kind == "python":
                exec(compile(text, str(page), "exec"), names)
            else:
                Path(kind).write_text(text, encoding="utf-8")
    return names, printed.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_python_of_a_tutorial_are_well_formed(page: Path) -> None:
    kinds = {kind for kind, _ in blocks(page)}
    assert kinds >= ({"python"} if page.stem == "python" else {"sh", "python"})
    for kind, text in blocks(page):
        if kind == "sh":
            for name, *words in commands(text):
                command = group.get_command(click.Context(group), name)
                assert command is not None, name
                command.make_context(name, list(words))
        elif kind == "python":
            compile(text, str(page), "exec")


@pytest.fixture
def desk(workplace: Path, tmp_path: Path) -> Path:
    """An empty folder with the media of the tutorials."""
    for place, name in (("contents", "trailer.mp4"), ("reactions", "anna.mp4"), ("reactions", "ben.mp4")):
        os.link((workplace / place / name).resolve(), tmp_path / name)
    return tmp_path


@pytest.mark.nets
def test_the_python_programmer(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, printed = follow(FOLDER / "python.md", desk, monkeypatch)
    assert "ViewerScores(anna.mp4: v1;" in printed
    assert "missing.mp4" in printed.splitlines()[-1]
    assert len(names["frame"]) == 6
    assert set(names["scores"]["viewer"]) == {"v1"}


@pytest.mark.nets
@pytest.mark.full
def test_the_trailer_tester(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.link(desk / "anna.mp4", desk / "anna again.mp4")
    (desk / "ben.mp4").unlink()
    (desk / "anna again.mp4").rename(desk / "ben.mp4")  # a second viewer of the same trailer
    names, _ = follow(FOLDER / "trailer.md", desk, monkeypatch)
    assert names["shares"]["amusement"].max() > 0.5  # she laughs
    assert names["peaks"].loc["amusement", "second"] in range(6)
    for picture in ("peaks.png", "teaser.png"):
        assert (desk / picture).stat().st_size > 5000
    assert "trailer.mp4" in (desk / "teaser" / "results" / "report.html").read_text()
    assert not (desk / "teaser" / "results" / "model").exists()  # labels were asked for, and no more
    assert (desk / "predicted.vtt").read_text().startswith("WEBVTT")


@pytest.mark.nets
@pytest.mark.full
def test_the_recommender_engineer(workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "catalogue").mkdir()
    for name, source in (("one", "trailer"), ("two", "lesson"), ("three", "trailer")):
        os.link((workplace / "contents" / f"{source}.mp4").resolve(), tmp_path / "catalogue" / f"{name}.mp4")
    names, _ = follow(FOLDER / "engineer.md", tmp_path, monkeypatch)
    assert len(list((tmp_path / "predictions").glob("part-*.parquet"))) == 2
    assert len(names["mean"]) == 3
    alone = names["track"]["amusement"]
    seconds = names["seconds"]
    assert alone.tolist() == seconds[seconds["video"].str.endswith("one.mp4")]["amusement"].tolist()
    assert len(list((tmp_path / "features").glob("*.safetensors"))) == 2


@pytest.mark.nets
@pytest.mark.full
def test_the_affect_researcher(workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = tmp_path / "lab"
    for folder, video in (
        ("contents", "trailer.mp4"),
        ("contents", "lesson.mp4"),
        ("reactions", "anna.mp4"),
        ("reactions", "ben.mp4"),
    ):
        (lab / folder).mkdir(parents=True, exist_ok=True)
        os.link((workplace / folder / video).resolve(), lab / folder / video)
    (lab / "study.toml").write_text((workplace / "mystudy" / "study.toml").read_text())  # small and quick
    names, printed = follow(FOLDER / "researcher.md", tmp_path, monkeypatch)
    assert str(lab.relative_to(tmp_path) / "results" / "report.html") in printed
    offsets = json.loads((lab / "results" / "alignments" / "ben.mp4.json").read_text())
    assert offsets["by"] == "known offset"
    each = names["each"]
    assert set(each.index.get_level_values("participant")) == {"P01", "P02"}
    assert {"statistic", "value", "low", "high"} <= set(names["statistics"].columns)
    assert "AU12" in pandas.read_parquet(tmp_path / "anna.parquet").columns
