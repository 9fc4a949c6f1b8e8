"""Files of which a part in the middle cannot be decoded: what is lost is not valid, and it is told."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

from evoked.core.progress import Progress, silent
from evoked.core.tables import read_provenance, read_table
from evoked.study.build_records import StepOutcome, StepRecords
from evoked.study.label_steps import LabelSteps, playable
from evoked.study.layout import open_study
from evoked.study.runner import Runner
from evoked.study.settings import read_settings
from evoked.weights.cache import default_cache

pytestmark = pytest.mark.nets
LOST_S = (2.0, 3.5)


def damaged(source: Path, target: Path, kind: str) -> Path:
    """A copy whose packets of one stream, shown within LOST_S, hold nothing that can be decoded."""
    body = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None and LOST_S[0] <= packet.pts * packet.time_base < LOST_S[1]:
                body[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    target.write_bytes(body)
    return target


def seen(table: Path) -> tuple[np.ndarray, np.ndarray]:
    columns = read_table(table, ("viewer", "time_s", "valid"))
    first = np.array(columns["viewer"]) == "v1"
    return np.array(columns["time_s"])[first], np.array(columns["valid"])[first]


def test_a_face_that_the_screen_only_held_is_not_seen(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    broken = damaged(media["plain"], tmp_path / "broken.mp4", "video")

    for path in (media["plain"], broken):
        ran = evoked("annotate", path, "-o", tmp_path / f"{path.stem}.csv")
        assert ran.code == 0, ran.err

    assert "packets of its picture could not be decoded" in ran.err
    time_s, valid = seen(tmp_path / "broken.csv")
    _, whole = seen(tmp_path / "plain.csv")
    within = (time_s >= LOST_S[0]) & (time_s < LOST_S[1])
    assert whole[within].all()
    assert not valid[within].any()
    assert valid[time_s < LOST_S[0]].all()


def test_what_is_wrong_with_either_sound_is_told(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    reaction = damaged(media["plain"], tmp_path / "reaction.mp4", "audio")
    content = damaged(media["content"], tmp_path / "content.mp4", "audio")
    lost = "packets of its sound could not be decoded"

    ran = evoked("annotate", reaction, "--content", content, "-o", tmp_path / "out.csv")

    assert ran.code == 0, ran.err
    told = (read_provenance(tmp_path / "out.csv") or {})["notes"]
    assert [lost in note for note in told] == [True, True]
    assert [note.startswith("reaction.mp4: ") for note in told] == [True, True]
    assert "content.mp4: damaged" in told[1]
    assert ran.err.count(lost) == 2
    assert evoked("align", reaction, content, "-o", tmp_path / "map.json").code == 0
    told = json.loads((tmp_path / "map.json").read_text())["provenance"]["notes"]
    assert [lost in note for note in told] == [True, True]


class Quiet:
    """Shows nothing."""

    @contextmanager
    def bar(self, _what: str) -> Iterator[Progress]:
        yield silent

    def item(self, _item: StepOutcome) -> None: ...


def labelled(root: Path) -> dict[str, tuple[str, str]]:
    """How each step of the label river ended, and why."""
    folder = open_study(root)
    runner = Runner(StepRecords(folder.results), Quiet())
    contents, reactions = playable(folder, runner)
    LabelSteps(folder, read_settings(root), runner, default_cache(), contents).run(reactions)
    return {item.step: (item.state, item.reason) for item in runner.items}


def test_a_reaction_called_like_its_content_is_not_taken_for_it(media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for part, name in (("contents", "content"), ("reactions", "plain")):
        (tmp_path / part).mkdir()
        shutil.copy(media[name], tmp_path / part / "same.mp4")
    table = tmp_path / "results" / "annotations" / "same.mp4.parquet"
    assert labelled(tmp_path)["annotate"][0] == "done"
    assert set((read_provenance(table) or {})["inputs"]) == {"contents/same.mp4", "reactions/same.mp4"}
    assert labelled(tmp_path)["annotate"][0] == "kept"
    before = table.read_bytes()

    damaged(media["plain"], tmp_path / "reactions" / "same.mp4", "video")  # another picture, the same sound and map
    ended = labelled(tmp_path)

    assert ended["annotate"][0] == "done"
    assert "of its picture could not be decoded" in ended["annotate"][1]
    assert table.read_bytes() != before
