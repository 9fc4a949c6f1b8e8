"""annotate --columns: action units, blendshapes and boxes beside the expressions."""

import json
from pathlib import Path

import numpy as np
import pytest

import evoked as api
from evoked.core.tables import read_table
from evoked.faces.landmarks import BLENDSHAPES
from evoked.faces.pose import POSE
from evoked.reactions.viewers.measures import AU_COLUMNS, BOX_COLUMNS, MEASURE_COLUMNS

pytestmark = pytest.mark.nets


def test_the_columns_of_a_smiling_woman(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plain, full = tmp_path / "plain.parquet", tmp_path / "full.parquet"
    assert evoked("annotate", media["plain"], "--content", media["content"], "-o", plain).code == 0
    words = (
        "annotate",
        media["plain"],
        "--content",
        media["content"],
        "--columns",
        "aus,blendshapes,pose,box,detection",
        "-o",
        full,
    )
    assert evoked(*words).code == 0
    before, after = read_table(plain), read_table(full)
    assert list(after) == [*before, *AU_COLUMNS, *BLENDSHAPES, *POSE, *BOX_COLUMNS, "face_score"]
    assert {name: after[name] for name in before} == before  # the scores do not change

    valid = np.array(after["valid"])
    numbers = {
        name: np.array(after[name], dtype=float)
        for name in (*AU_COLUMNS, *POSE, *BOX_COLUMNS, "face_score", "mouthSmileLeft")
    }
    for name, values in numbers.items():
        assert (np.isfinite(values) == valid).all(), name
    smiling = np.array(after["amusement"], dtype=float) > 0.5
    assert smiling.any()
    assert numbers["AU12"][smiling].mean() > 0.8  # lip corners pulled
    assert numbers["AU15"][smiling].mean() < 0.3  # and not pulled down
    assert all(np.abs(numbers[name][valid]).max() < 45 for name in POSE)  # she looks at the screen
    assert numbers["face_score"][valid].min() > 0.3
    left, width = numbers["face_x"][valid], numbers["face_width"][valid]
    assert (left > 240).all()  # she is right of the content, which is 256 pixels wide
    assert ((width > 40) & (left + width / 2 < 400)).all()  # the frame is 400 wide; a box may reach over its edge


def test_readers_take_measures_for_what_they_are(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "plain.mp4.parquet"
    assert evoked("annotate", media["plain"], "--columns", "aus", "--columns", "box", "-o", table).code == 0
    assert set(api.read_annotation(table)["v1"].names) == set(api.EEV5)
    ratings = tmp_path / "ratings.csv"
    lines = [f"plain.mp4,{s},{s + 2},v1,r{r},{int(s < 4)}" for s in (0, 2, 4) for r in (1, 2)]
    ratings.write_text("\n".join(["video,start_s,end_s,viewer,rater,amusement", *lines]) + "\n")
    result = evoked("agree", table, ratings, "--json", "--resamples", 20)
    assert result.code == 0, result.err
    assert [row["name"] for row in json.loads(result.out)["rows"]][:1] == ["amusement"]
    viewers = api.annotate(media["plain"], columns=("aus",))
    assert "AU12" in viewers.to_pandas().columns
    assert set(viewers["v1"].names) == set(api.EEV5)


def test_a_column_that_does_not_exist(evoked, media) -> None:  # type: ignore[no-untyped-def]
    result = evoked("annotate", media["plain"], "--columns", "gaze")
    assert result.code == 2
    assert "columns must be of scores, aus, blendshapes, pose, box, detection, got 'gaze'" in result.err
    named = (*AU_COLUMNS, *BLENDSHAPES, *POSE, *BOX_COLUMNS, "face_score")
    assert len(MEASURE_COLUMNS) == len(named)  # no two share a name
