"""Predictions in files: read back, and WebVTT held against its grammar and against another parser."""

import json
import re
import warnings
import xml.etree.ElementTree as ET
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pympi
import pysubs2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evoked.core.errors import DatasetError, OutputError
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance
from evoked.core.time_grid import TimeGrid
from evoked.core.track import Track
from evoked.prediction.subtitles import as_eaf, as_srt, as_vtt
from evoked.prediction.writers import check_format, prediction_summary, read_predictions, write_predictions

MADE = Provenance("predict", {"model": "m"}, {"video --> 1.mp4": "ab"}, notes=("staged: so and so",))
NAMES = ("amusement", "interest")


def track(rows: list[tuple[float, ...] | None], names: tuple[str, ...] = NAMES) -> Track:
    values = np.array([row or (np.nan,) * len(names) for row in rows], dtype=np.float32).reshape(-1, len(names))
    return Track(TimeGrid(Fraction(1), len(rows)), names, values, np.array([r is not None for r in rows], dtype=bool))


SOME = track([(0.1, 0.9), (0.8, 0.6), (0.75, 0.5), None, (0.7, 0.1), (0.1, 0.2)])

# The grammar of the specification's section 4.1, as far as it concerns us; written from it, not from our code.
TIME = r"(?:\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3}"
TEXT = r"(?:(?!-->)(?:[^&<\n\r]|&(?:amp|lt|gt|lrm|rlm|nbsp);))+"
CUE = rf"(?:[^\n]*\n)??(?P<from>{TIME})[ \t]+-->[ \t]+(?P<to>{TIME})\n(?P<text>{TEXT}(?:\n{TEXT})*)"
NOTE = r"NOTE(?:[ \t][^\n]*)?(?:\n(?!\n)[^\n]+)*"


def parsed(vtt: str) -> list[tuple[float, float, str]]:
    """Every cue (start, end, text); AssertionError where it is no WebVTT."""
    head, *blocks = re.split(r"\n{2,}", vtt.rstrip("\n"))
    assert re.fullmatch(r"\ufeff?WEBVTT(?:[ \t][^\n]*)?", head)
    cues = []
    for block in blocks:
        if block.startswith("NOTE"):
            assert re.fullmatch(NOTE, block)
            assert "-->" not in block
            continue
        match = re.fullmatch(CUE, block)
        assert match, block
        cues.append((_seconds(match["from"]), _seconds(match["to"]), match["text"]))
        assert cues[-1][0] < cues[-1][1]
    return cues


def names_in(text: str) -> set[str]:
    return {item.split(" ")[0] for item in text.split(", ")}


def _seconds(clock: str) -> float:
    return sum(float(field) * 60**i for i, field in enumerate(reversed(clock.split(":"))))


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".json"])
def test_tables_are_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"p{suffix}"
    write_predictions(path, SOME, MADE)
    back = read_predictions(path)
    assert back.names == NAMES
    assert back.grid == SOME.grid
    np.testing.assert_array_equal(back.valid, SOME.valid)
    np.testing.assert_allclose(back.values, SOME.values, rtol=1e-6)
    provenance = read_provenance(path)
    assert provenance is not None
    assert provenance["inputs"] == {"video --> 1.mp4": "ab"}


def test_the_columns_are_as_the_docs_say(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", SOME, MADE)
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "time_s,valid,amusement,interest"
    assert lines[1] == "0,true,0.1,0.9"
    assert lines[4] == "3,false,,"


def test_a_span_is_a_cue() -> None:
    vtt = as_vtt(SOME, MADE)
    assert parsed(vtt) == [
        (0, 1, "interest 90 %"),
        (1, 3, "amusement 78 %, interest 55 %"),  # the set is the same, the strongest stands first
        (4, 5, "amusement 70 %"),  # second 3 is not valid, second 5 has nothing on
    ]
    assert vtt.startswith("WEBVTT\n\nNOTE evoked, on at 50 %\n{")
    note = json.loads(vtt.split("\n")[3])
    assert note["inputs"] == {"video --> 1.mp4": "ab"}  # the arrow is escaped, and comes back
    assert note["notes"] == ["staged: so and so"]


def test_nothing_on_is_a_valid_file_without_cues() -> None:
    assert parsed(as_vtt(track([(0.1, 0.2)]), MADE)) == []
    assert parsed(as_vtt(track([]), MADE)) == []
    assert parsed(as_vtt(track([None, None]), MADE)) == []


def test_long_videos_and_odd_names() -> None:
    rows: list[tuple[float, ...] | None] = [(0.0,)] * 3700 + [(1.0,)]
    vtt = as_vtt(track(rows, ("awe & <fear>\n--> x",)), MADE)
    assert "01:01:40.000 --> 01:01:41.000\nawe &amp; &lt;fear&gt; --&gt; x 100 %\n" in vtt
    assert parsed(vtt) == [(3700, 3701, "awe &amp; &lt;fear&gt; --&gt; x 100 %")]


@given(st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_any_name_is_one_line_of_every_format(name: str) -> None:
    """Control characters of a name cannot break a cue, or make XML that nobody reads."""
    shown = track([(1.0,), (1.0,)], (f"on {name}",))
    ((_, _, text),) = parsed(as_vtt(shown, MADE))
    assert text.startswith("on")
    number, times, srt = as_srt(shown).splitlines()
    assert (number, times) == ("1", "00:00:00,000 --> 00:00:02,000")
    (tier,) = ET.fromstring(as_eaf(shown, MADE).split("\n", 1)[1]).iter("TIER")
    assert srt == f"{tier.get('TIER_ID')} 100 %".replace("-->", "→")


@given(
    st.lists(st.one_of(st.none(), st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32))), max_size=30),
    st.floats(0.01, 1),
)
@settings(max_examples=150, deadline=None)
def test_laws_of_cues(rows: list[tuple[float, ...] | None], threshold: float) -> None:
    """Cues do not overlap, and a second lies in one exactly where something is on, with just those names."""
    cues = parsed(as_vtt(track(rows), MADE, threshold))
    assert all(a[1] <= b[0] for a, b in pairwise(cues))
    for second, row in enumerate(rows):
        inside = [text for start, end, text in cues if start <= second < end]
        on = {n for n, v in zip(NAMES, row or (0, 0), strict=True) if np.float32(v) >= threshold}
        assert set().union(*map(names_in, inside)) == on
    for a, b in pairwise(cues):  # no span is cut needlessly
        assert a[1] < b[0] or names_in(a[2]) != names_in(b[2])


def test_another_parser_reads_the_same(tmp_path: Path) -> None:
    webvtt = pytest.importorskip("webvtt", reason="webvtt-py is not installed")
    write_predictions(tmp_path / "p.vtt", SOME, MADE)
    cues = [(c.start, c.end, c.text) for c in webvtt.read(str(tmp_path / "p.vtt"))]
    assert cues[1] == ("00:00:01.000", "00:00:03.000", "amusement 78 %, interest 55 %")
    assert len(cues) == 3


def test_pysubs2_reads_the_srt(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.srt", SOME, MADE)
    read = pysubs2.load(str(tmp_path / "p.srt"))
    assert [(event.start, event.end, event.text) for event in read] == [
        (0, 1000, "interest 90 %"),
        (1000, 3000, "amusement 78 %, interest 55 %"),
        (4000, 5000, "amusement 70 %"),
    ]
    assert as_srt(track([(0.1, 0.2)])) == ""


def test_pympi_reads_the_eaf(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.eaf", SOME, MADE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pympi's own
        read = pympi.Elan.Eaf(str(tmp_path / "p.eaf"))
    assert list(read.get_tier_names()) == list(NAMES)
    assert sorted(read.get_annotation_data_for_tier("amusement")) == [(1000, 3000, "78 %"), (4000, 5000, "70 %")]
    assert sorted(read.get_annotation_data_for_tier("interest")) == [(0, 3000, "67 %")]
    assert read.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./video --> 1.mp4"
    assert json.loads(dict(read.get_properties())["evoked provenance"])["notes"] == ["staged: so and so"]


@given(st.lists(st.one_of(st.none(), st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32))), max_size=20))
@settings(max_examples=60, deadline=None)
def test_laws_of_elan_tiers(rows: list[tuple[float, ...] | None]) -> None:
    """Every second in which an expression is on lies in just one annotation of its tier; slots are in order."""
    document = ET.fromstring(as_eaf(track(rows), MADE).split("\n", 1)[1])
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in document.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(set(slots.values()))
    for k, tier in enumerate(document.iter("TIER")):
        spans = [
            (slots[a.get("TIME_SLOT_REF1")], slots[a.get("TIME_SLOT_REF2")]) for a in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        for second, row in enumerate(rows):
            inside = sum(start <= 1000 * second < end for start, end in spans)
            assert inside == (row is not None and np.float32(row[k]) >= 0.5)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.01])
def test_a_threshold_outside_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be above 0 and at most 1"):
        as_vtt(SOME, MADE, threshold)
    with pytest.raises(ValueError, match="threshold must be above 0 and at most 1"):
        as_eaf(SOME, MADE, threshold)


def test_another_suffix_and_a_taken_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot tell what to write from 'p\.ass': end it in \.parquet, .*\.vtt"):
        write_predictions(tmp_path / "p.ass", SOME, MADE)
    with pytest.raises(OutputError, match="cannot tell"):
        check_format(tmp_path / "p")
    with pytest.raises(ValueError, match="an expression cannot be called valid"):
        write_predictions(tmp_path / "p.csv", track([(0.5,)], ("valid",)), MADE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time_s,valid\n0,true\n", "has no expression"),
        ("time_s,amusement\n0,0.5\n", "has no column valid"),
        ("time_s,valid,amusement\n0,true,0.5\n0,true,0.5\n", "row 2: second 0 is in the table twice"),
        ("time_s,valid,amusement\n0.5,true,0.5\n", r"row 1: time_s must be a whole second from 0, got 0\.5"),
        ("time_s,valid,amusement\n-1,true,0.5\n", "row 1: time_s must be a whole second from 0, got -1"),
        ("time_s,valid,amusement\nx,true,0.5\n", "row 1: time_s must be a number of seconds, got 'x'"),
        ("time_s,valid,a\n" + "".join(f"{1000 * s},true,1\n" for s in range(9)), "1000 apart in time_s.*milliseconds"),
        ("time_s,valid,amusement\n1e12,true,0.5\n", "more than a week"),
        ("time_s,valid,amusement\n0,true,1.5\n", r"row 1: amusement must be a number in \[0, 1\] where valid, got 1.5"),
        ("time_s,valid,awe,joy\n0,true,1,0\n1,true,1,2\n2,true,2,0\n", "row 2: joy must be a number .* got 2"),
        ("time_s,valid,amusement\n0,true,\n", "row 1: amusement must be a number .* got None"),
        ("time_s,valid,amusement\n0,true,nan\n", "row 1: amusement must be a number .* got None"),
        ("time_s,valid,amusement\n0,yes,0.1\n", "row 1: valid must be true or false, got 'yes'"),
    ],
)
def test_a_wrong_table_is_named_by_row(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_predictions(tmp_path / "p.csv")


def test_predictions_that_start_late_or_have_gaps_stay_at_their_seconds(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time_s,valid,awe\n0:00:05,TRUE,0.5\n3.0,True,0.25\n6,0,\n")

    track = read_predictions(tmp_path / "p.csv")

    assert track.valid.tolist() == [False, False, False, True, False, True, False]
    assert track.values[[3, 5], 0].tolist() == [0.25, 0.5]


def test_the_summary_says_where_the_peak_is() -> None:
    lines = prediction_summary(SOME).splitlines()
    assert lines[0].split() == ["mean", "peak", "at", "≥", "50", "%"]
    assert lines[1].split() == ["amusement", "49.0", "80.0", "00:00:01", "3", "s"]
    assert lines[-1] == "in %; 6 s, 5 of them valid"
    assert prediction_summary(track([None])).splitlines()[1].split() == ["amusement", "–", "–", "–", "–"]
