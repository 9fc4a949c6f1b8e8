"""A viewer with headphones: a recording with nothing in common with the content, whose start is known."""

import json
from pathlib import Path

import numpy as np
import odd_media
import pytest

import evoked as api
from evoked.core.tables import read_provenance, read_table

pytestmark = pytest.mark.nets
START_S = 1.5


@pytest.fixture(scope="module")
def headphones(media, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """The woman alone, without sound, from START_S before the content begins: her first second is held."""
    path = tmp_path_factory.mktemp("headphones") / "headphones.mp4"
    picture = f"crop=144:144:256:0,tpad=start_mode=clone:start_duration={START_S}"
    odd_media.run("-i", media["plain"], "-vf", picture, "-an", *odd_media.X264, path)
    return path


def test_it_is_refused_without_an_offset_and_the_message_names_the_way_out(evoked, media, headphones) -> None:  # type: ignore[no-untyped-def]
    result = evoked("annotate", headphones, "--content", media["content"])
    assert result.code == 1
    assert "--offset-s" in result.err


def test_with_its_offset_it_is_labelled_on_the_content_time(evoked, media, headphones, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    own, labels = tmp_path / "own.parquet", tmp_path / "labels.parquet"
    assert evoked("annotate", headphones, "-o", own).code == 0
    known = ("annotate", headphones, "--content", media["content"], "--offset-s", START_S)
    result = evoked(*known, "--labels", "-o", labels)
    assert result.code == 0, result.err
    assert "aligned by the offset that was given" in result.err

    scores = read_table(own)
    times, amusement = np.array(scores["time_s"]), np.array(scores["amusement"], dtype=float)
    table = read_table(labels)
    assert table["second"] == list(range(odd_media.SECONDS))
    for second in range(2, odd_media.SECONDS - 2):  # whole windows: 18 frames at 6 Hz, centred on the second
        frames = [int(np.argmin(np.abs(times - (START_S + second + k / 6)))) for k in range(-9, 9)]
        assert table["share_amusement"][second] == pytest.approx(np.mean(amusement[frames] > 0.5), abs=1 / 18 + 1e-6)
    assert (read_provenance(labels) or {})["config"]["align"]["by"] == "known offset"


def test_align_writes_the_map_and_annotate_reads_it(evoked, media, headphones, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "map.json"
    result = evoked("align", headphones, media["content"], "--offset-s", START_S, "-o", path)
    assert result.code == 0, result.err
    assert "by the offset that was given" in result.err
    segment = json.loads(path.read_text())["segments"][0]
    assert (segment["content_start_s"], segment["reaction_start_s"]) == (0.0, START_S)
    tables = []
    for option in (("--alignment", path), ("--offset-s", START_S)):
        table = tmp_path / f"{len(tables)}.parquet"
        result = evoked("annotate", headphones, "--content", media["content"], *option, "-o", table)
        assert result.code == 0, result.err
        tables.append(read_table(table))
    assert tables[0] == tables[1]
    offsets = api.align(headphones, media["content"], offset_s=START_S)
    assert offsets == api.read_offsets(path)
    viewers = api.annotate(headphones, media["content"], offsets=offsets)
    assert viewers.to_pandas()["time_s"].tolist() == tables[0]["time_s"]


def test_the_offset_of_what_sound_finds_gives_the_same_scores(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tables = []
    for number, option in enumerate(((), ("--offset-s", 0))):
        table = tmp_path / f"{number}.parquet"
        assert evoked("annotate", media["plain"], "--content", media["content"], *option, "-o", table).code == 0
        tables.append(read_table(table))
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--offset-s", 1), "--offset-s goes with --content"),
        (("--offset-s", 9000, "--content", "content"), "covers none of its 6.0 s: check the offset"),
        (("--alignment", "map.json", "--content", "content"), "no offset map at map.json"),
        (("--offset-s", 1, "--alignment", "map.json", "--content", "content"), "either --offset-s or --alignment"),
        (("--offset-s", 1, "--rate", 0, "--content", "content"), "the rate must be from 0.1 to 10"),
    ],
)
def test_a_mistake(evoked, media, options: tuple[object, ...], message: str) -> None:  # type: ignore[no-untyped-def]
    words = [media["content"] if option == "content" else option for option in options]
    result = evoked("annotate", media["plain"], *words)
    assert result.code in (1, 2)
    assert message in result.err


def test_one_offset_is_not_for_two_reactions(evoked, media) -> None:  # type: ignore[no-untyped-def]
    words = ("annotate", media["plain"], media["rotated"], "--content", media["content"], "--offset-s", 1)
    assert "is of one reaction" in evoked(*words).err


@pytest.fixture(scope="module")
def study(media, headphones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """A content, a recording that plays it, and one of a viewer with headphones."""
    root = tmp_path_factory.mktemp("offsets") / "study"
    for folder, videos in (("contents", (media["content"],)), ("reactions", (media["plain"], headphones))):
        (root / folder).mkdir(parents=True)
        for video in videos:
            (root / folder / video.name).symlink_to(video)
    (root / "study.toml").write_text("[model]\nimage_units = 8\nwindow_s = 3\n[train]\nepochs = 1\nthreads = 1\n")
    return root


def test_a_study_takes_offsets_from_pairs_csv_and_searches_the_rest(evoked, study: Path) -> None:  # type: ignore[no-untyped-def]
    (study / "pairs.csv").write_text(f"reaction;content;offset_s\nheadphones.mp4;content.mp4;{START_S}\n")
    result = evoked("run", study, "--json")
    states = {(i["step"], i["name"]): (i["state"], i["reason"]) for i in json.loads(result.out)["items"]}
    assert states["align", "headphones.mp4"] == ("done", "aligned by the offset that was given: nothing was compared")
    assert states["align", "plain.mp4"][0] == "done"
    offsets = {n: api.read_offsets(study / "results" / "alignments" / f"{n}.mp4.json") for n in ("headphones", "plain")}
    assert (offsets["headphones"].by, offsets["plain"].by) == ("known offset", "audio")
    assert offsets["headphones"].reaction_time(1.0) == START_S + 1
    labels = api.read_labels(study / "results" / "labels.parquet")["content.mp4"]
    assert labels.viewers[3] == 2

    (study / "pairs.csv").write_text(f"reaction;content;offset_s\nheadphones.mp4;content.mp4;{START_S + 0.5}\n")
    plan = {line.split(": ")[1]: line for line in evoked("run", study, "--dry-run").out.splitlines()}
    assert "align headphones.mp4" in plan
    assert "align plain.mp4" not in plan  # another line's offset does not concern it


def test_a_study_takes_alignment_files(evoked, study: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (study / "pairs.csv").unlink(missing_ok=True)
    (study / "alignments").mkdir(exist_ok=True)
    given = study / "alignments" / "headphones.mp4.json"
    paths = (study / "reactions" / "headphones.mp4", study / "contents" / "content.mp4")
    assert evoked("align", *paths, "--offset-s", START_S, "-o", given, "--force").code == 0
    before = given.read_bytes()
    evoked("run", study)
    written = study / "results" / "alignments" / "headphones.mp4.json"
    assert api.read_offsets(written) == api.read_offsets(given)
    assert given.read_bytes() == before
    given.write_text("{}")
    result = evoked("run", study, "--dry-run")
    assert "failed: pairs headphones.mp4" in result.out
    assert "is no offset map" in result.out
    given.unlink()


@pytest.mark.parametrize(
    ("line", "match", "said"),
    [
        ("headphones.mp4,content.mp4,1.5,", "listed", "plain.mp4: pairs.csv does not say what was watched"),
        ("headphones.mp4,content.mp4,late,", "all", "pairs.csv line 2: offset_s 'late' is no number"),
        ("headphones.mp4,content.mp4,12000000,", "all", "is too large for seconds"),
        ("headphones.mp4,content.mp4,,1.05", "all", "a rate without offset_s"),
        ("headphones.mp4,content.mp4,1,-1", "all", "rate must be above 0"),
    ],
)
def test_lines_of_pairs_csv(evoked, study: Path, line: str, match: str, said: str) -> None:  # type: ignore[no-untyped-def]
    settings = (study / "study.toml").read_text()
    (study / "pairs.csv").write_text(f"reaction,content,offset_s,rate\n{line}\n")
    (study / "study.toml").write_text(f'match = "{match}"\n{settings}')
    try:
        assert said in evoked("run", study, "--dry-run").out
    finally:
        (study / "study.toml").write_text(settings)
        (study / "pairs.csv").unlink()
