"""evoked explain: the facial actions behind scores, of a recording and of a table."""

import json
from pathlib import Path

import pytest

from evoked.core.tables import read_table

pytestmark = pytest.mark.nets


@pytest.fixture(scope="module")
def table(evoked, media, tmp_path_factory: pytest.TempPathFactory) -> Path:  # type: ignore[no-untyped-def]
    """The viewers of a recording, with blendshapes."""
    path = Path(tmp_path_factory.mktemp("explain") / "viewers.parquet")
    words = ("annotate", media["plain"], "--content", media["content"], "--columns", "scores,blendshapes", "-o", path)
    assert evoked(*words).code == 0
    return path


def test_a_recording_and_its_table_say_the_same(evoked, media, table: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked("explain", table, "--json")
    rows = json.loads(result.out)
    assert [row["viewer"] for row in rows] == ["v1"] * 5
    seen = read_table(table)
    for row in rows:
        values = [-1 if score is None else score for score in seen[row["expression"]]]
        assert row["score"] == pytest.approx(max(values), abs=1e-6)
        assert values[round(row["time_s"] * 6)] == pytest.approx(row["score"], abs=1e-6)
    amusement = next(row for row in rows if row["expression"] == "amusement")
    assert amusement["score"] > 0.5
    assert amusement["actions"].startswith("smile ")
    assert json.loads(evoked("explain", media["plain"], "--content", media["content"], "--json").out) == rows


def test_one_moment_as_a_table_for_people(evoked, table: Path) -> None:  # type: ignore[no-untyped-def]
    lines = evoked("explain", table, "--at", "3.5", "--viewer", "v1").out.splitlines()
    assert lines[0].split() == ["viewer", "expression", "time", "score", "facial", "actions"]
    assert len(lines) == 6
    assert all("3.50 s" in line for line in lines[1:])


def test_what_cannot_be_explained(evoked, table: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked("explain", table, "--at", "3600")
    assert (result.code, "second 3600 is outside of the recording, which has 6.0 s" in result.err) == (1, True)
    result = evoked("explain", table, "--viewer", "v7")
    assert (result.code, "no viewer 'v7' in viewers.parquet; there are: v1" in result.err) == (2, True)
    trained = tmp_path / "trained.csv"
    trained.write_text("viewer,time_s,valid,amusement\nv1,0,1,0.5\n")
    trained.with_name("trained.csv.provenance.json").write_text('{"config": {"recogniser": "trained"}}')
    result = evoked("explain", trained)
    assert (result.code, "scored by a trained recogniser, which has no explanation" in result.err) == (1, True)
    (tmp_path / "plain.csv").write_text("viewer,time_s,valid,amusement\nv1,0,1,0.5\n")
    result = evoked("explain", tmp_path / "plain.csv")
    assert (result.code, "evoked annotate --columns scores,blendshapes, or name the recording" in result.err) == (
        1,
        True,
    )
