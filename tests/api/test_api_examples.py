"""Every example of docs/api.md runs, every public function is in one, and the values are those of the commands."""

import ast
import os
from pathlib import Path

import numpy as np
import pytest
from sybil import Example
from sybil.document import Document
from sybil.parsers.markdown import PythonCodeBlockParser

import evoked
from evoked.core.tables import read_table

PAGE = Path(__file__).parents[2] / "docs" / "api.md"


def blocks() -> list[Example]:
    """The Python blocks of the page; they share one namespace."""
    parser = PythonCodeBlockParser()
    document = Document.parse(str(PAGE), parser)
    return list(document.examples())


@pytest.fixture(scope="module")
def names(workplace: Path) -> dict[str, object]:
    """The namespace after all blocks were run in turn."""
    before = Path.cwd()
    os.chdir(workplace)
    try:
        examples = blocks()
        for example in examples:
            example.evaluate()
        return dict(examples[0].namespace)
    finally:
        os.chdir(before)


def test_every_public_function_is_in_an_example() -> None:
    used = {
        node.attr
        for example in blocks()
        for node in ast.walk(ast.parse(str(example.parsed)))
        if isinstance(node, ast.Attribute)
    }
    functions = {name for name in evoked.__all__ if name[0].islower()}
    assert functions - used == set()


@pytest.mark.nets
def test_the_examples_give_what_they_say(names: dict[str, object]) -> None:
    viewers, track = names["viewers"], names["track"]
    assert repr(viewers) == ("ViewerScores(anna.mp4: v1; amusement, concentration, contentment, interest, surprise)")
    assert repr(track).startswith("Track(6 steps at 1 Hz, 6 valid: amusement")
    assert names["axes"].get_xlabel() == "time (s)"
    assert [line.get_label() for line in names["axes"].lines] == list(track.names)


@pytest.mark.nets
def test_values_equal_those_of_the_study(names: dict[str, object], workplace: Path) -> None:
    results = workplace / "mystudy" / "results"
    stored = evoked.read_annotation(results / "annotations" / "anna.mp4.parquet")
    viewers = names["viewers"]
    assert list(stored) == list(viewers)
    np.testing.assert_array_equal(stored["v1"].values, viewers["v1"].values)
    frame, table = viewers.to_pandas(), read_table(results / "annotations" / "anna.mp4.parquet")
    assert list(frame.columns) == list(table)
    assert frame["time_s"].tolist() == table["time_s"]
    assert names["results"].predictions["lesson.mp4"].names == evoked.EEV5
    np.testing.assert_array_equal(
        names["features"].filled()["image"].astype(np.float16),
        evoked.read_features(results / "features" / "trailer.mp4.safetensors").filled()["image"],
    )
    seconds = list(evoked.predict_live(workplace / "contents" / "stream.ts", names["model"], patience_s=0.1))
    offline = evoked.predict(str(workplace / "contents" / "stream.ts"), names["model"])
    np.testing.assert_allclose([s.values for s in seconds], offline.values, atol=2e-3)
    assert evoked.evaluate(results / "labels.parquet", results / "predictions", resamples=50).map.value == (
        names["results"].scores.map.value
    )
