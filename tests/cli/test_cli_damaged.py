"""Files with packets in the middle that cannot be decoded: these frames are not valid, and the damage is reported."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from evoked.core.progress import Progress, silent
from evoked.core.step_outcome import StepOutcome
from evoked.core.tables import read_provenance, read_table
from evoked.study.build_records import StepRecords
from evoked.study.label_steps import LabelSteps, playable
from evoked.study.layout import open_study
from evoked.study.runner import Runner
from evoked.study.settings import read_settings
from evoked.weights.cache import default_cache

pytestmark = pytest.mark.nets
LOST_S = (2.0, 3.5)


def write_damaged(source: Path, target: Path, stream_type: str) -> Path:
    """Write a copy in which the packets of one stream within LOST_S cannot be decoded."""
    body = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        stream = next(s for s in container.streams if s.type == stream_type)
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None and LOST_S[0] <= packet.pts * packet.time_base < LOST_S[1]:
                body[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    target.write_bytes(body)
    return target


def first_viewer(table: Path) -> tuple[np.ndarray, np.ndarray]:
    columns = read_table(table, ("viewer", "time_s", "valid"))
    is_first = np.array(columns["viewer"]) == "v1"
    return np.array(columns["time_s"])[is_first], np.array(columns["valid"])[is_first]


def test_a_face_in_lost_frames_is_not_seen(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    broken = write_damaged(media["plain"], tmp_path / "broken.mp4", "video")

    for path in (media["plain"], broken):
        result = evoked("annotate", path, "-o", tmp_path / f"{path.stem}.csv")
        assert result.code == 0, result.err

    assert "packets of its picture could not be decoded" in result.err
    time_s, valid = first_viewer(tmp_path / "broken.csv")
    _, plain_valid = first_viewer(tmp_path / "plain.csv")
    within = (time_s >= LOST_S[0]) & (time_s < LOST_S[1])
    assert plain_valid[within].all()
    assert not valid[within].any()
    assert valid[time_s < LOST_S[0]].all()


def test_damage_of_either_audio_is_reported(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    reaction = write_damaged(media["plain"], tmp_path / "reaction.mp4", "audio")
    content = write_damaged(media["content"], tmp_path / "content.mp4", "audio")
    lost = "packets of its sound could not be decoded"

    result = evoked("annotate", reaction, "--content", content, "-o", tmp_path / "out.csv")

    assert result.code == 0, result.err
    notes = (read_provenance(tmp_path / "out.csv") or {})["notes"]
    assert [lost in note for note in notes] == [True, True]
    assert all(note.startswith("reaction.mp4: ") for note in notes)
    assert "content.mp4: damaged" in notes[1]
    assert result.err.count(lost) == 2
    assert evoked("align", reaction, content, "-o", tmp_path / "map.json").code == 0
    notes = json.loads((tmp_path / "map.json").read_text())["provenance"]["notes"]
    assert [lost in note for note in notes] == [True, True]


class SilentView:
    """A ProgressView that shows nothing."""

    @contextmanager
    def bar(self, _label: str) -> Iterator[Progress]:
        yield silent

    def item(self, _item: StepOutcome) -> None: ...

    def redo(self, _label: str, _why: str) -> None: ...


def run_label_steps(root: Path) -> dict[str, tuple[str, str]]:
    """Run the label steps; step → its state and reason."""
    folder = open_study(root)
    runner = Runner(StepRecords(folder.results), SilentView())
    contents, reactions = playable(folder, runner)
    LabelSteps(folder, read_settings(root), runner, default_cache(), contents).run(reactions)
    return {item.step: (item.state, item.reason) for item in runner.items}


def test_a_reaction_named_like_its_content(media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for folder, name in (("contents", "content"), ("reactions", "plain")):
        (tmp_path / folder).mkdir()
        shutil.copy(media[name], tmp_path / folder / "same.mp4")
    table = tmp_path / "results" / "annotations" / "same.mp4.parquet"
    assert run_label_steps(tmp_path)["annotate"][0] == "done"
    assert set((read_provenance(table) or {})["inputs"]) == {"contents/same.mp4", "reactions/same.mp4"}
    assert run_label_steps(tmp_path)["annotate"][0] == "kept"
    before = table.read_bytes()

    write_damaged(
        media["plain"], tmp_path / "reactions" / "same.mp4", "video"
    )  # other frames, the same audio and offset map
    states = run_label_steps(tmp_path)

    assert states["annotate"][0] == "done"
    assert "of its picture could not be decoded" in states["annotate"][1]
    assert table.read_bytes() != before
