"""Themes from tables, yt-dlp's files and saved API answers, put on the right videos."""

import json
from pathlib import Path

import pytest

from evoked.core.errors import DatasetError
from evoked.core.provenance import Provenance
from evoked.dataset.manifest import MANIFEST, VideoEntry, read_manifest, write_manifest
from evoked.dataset.themes import add_themes, read_facts

ANSWER = {
    "kind": "youtube#videoListResponse",
    "items": [
        {
            "kind": "youtube#video",
            "id": "D-lhorsDlUQ",
            "snippet": {"channelTitle": "Google Developers", "tags": ["a"]},
            "contentDetails": {"duration": "PT1H2M3S"},
            "topicDetails": {
                "topicCategories": [
                    "https://en.wikipedia.org/wiki/Technology",
                    "https://en.wikipedia.org/wiki/Action-adventure_game",
                ]
            },
        },
        {"kind": "youtube#video", "id": "elsewhere"},
    ],
}
INFO = {"id": "abc", "extractor": "youtube", "categories": ["Music"], "uploader": "Anna", "duration": 61}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    entries = [
        VideoEntry("one.mp4", source_id="D-lhorsDlUQ"),
        VideoEntry("abc", channel="kept", themes="Film"),
        VideoEntry("x"),
    ]
    write_manifest(folder / MANIFEST, entries, Provenance("test", inputs={"before": "00"}))
    return folder


def test_each_source_goes_to_its_video(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(ANSWER))
    (tmp_path / "info").mkdir()
    (tmp_path / "info" / "abc.info.json").write_text(json.dumps(INFO))
    (tmp_path / "themes.csv").write_text("video,themes\nx,Film; Music\nx,Comedy\n")
    found = add_themes(dataset, [tmp_path / "answer.json", tmp_path / "info", tmp_path / "themes.csv"])
    assert (found.entries, found.changed, found.strangers) == (3, 3, ("elsewhere",))
    entries = read_manifest(dataset)
    one, abc, x = entries.values()
    assert (one.themes, one.channel, one.duration_s) == (
        "Technology; Action-adventure game",
        "Google Developers",
        3723.0,
    )
    assert (abc.themes, abc.channel, abc.duration_s) == ("Film; Music", "kept", 61.0)
    assert x.themes == "Film; Music; Comedy"
    before = (dataset / MANIFEST).read_bytes()
    assert add_themes(dataset, [tmp_path / "themes.csv"]).changed == 0
    assert (dataset / MANIFEST).read_bytes() == before
    add_themes(dataset, [tmp_path / "info"], again=True)
    assert read_manifest(dataset)["abc"].themes == "Music"
    assert read_manifest(dataset)["x"].themes == "Film; Music; Comedy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read: JSONDecodeError"),
        ("[1]", "cannot be read: AttributeError"),
        ('{"kind": "youtube#searchListResponse", "items": []}', "is neither an .info.json of yt-dlp nor"),
        ('{"id": "nobody", "extractor": "youtube"}', "none of 1 files names a video of"),
    ],
)
def test_other_files_are_refused(dataset: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(DatasetError, match=message):
        add_themes(dataset, [tmp_path / "bad.json"])


def test_an_answer_without_topics_has_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"kind": "youtube#videoListResponse", "items": [{"id": "a"}]}))
    (facts,) = read_facts(tmp_path / "a.json")
    assert (facts.themes, facts.duration_s) == ((), None)
