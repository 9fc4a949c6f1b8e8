"""evoked rate as it is typed: from a study to the table that the other commands read."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rated_study import make_study, write_annotation, write_recording

from evoked.apps.rating.store import Answer, hold_clips, submit
from evoked.apps.web.database import GroupWriter, open_database, sqlite_url
from evoked.cli.main import main
from evoked.core.provenance import Provenance
from evoked.core.tables import read_provenance
from evoked.dataset.labels import read_labels
from evoked.dataset.ratings import read_ratings
from evoked.media.probe import probe
from evoked.reactions.alignment.offset_map import OffsetMap, Segment, write_offsets


@pytest.fixture
def evoked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run a command line; gives exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evoked", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def rate_all(study: Path, raters: int) -> None:
    """Each rater sees amusement in every clip of anna, and the first sees surprise, too."""
    writer = GroupWriter(open_database(sqlite_url(study / "rating" / "ratings.sqlite")))
    for rater in range(1, raters + 1):
        while held := writer.submit(lambda c, r=rater: hold_clips(c, r, 1, 60)).result():  # type: ignore[misc]
            present = ("amusement", "surprise") if rater == 1 else ("amusement",)
            answer = Answer(held[0].clip, f"{rater} {held[0].clip}", present, False, 2, "v")
            writer.submit(lambda c, r=rater, a=answer: submit(c, r, a)).result()  # type: ignore[misc]
    writer.close()


def test_from_a_study_to_agreement(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", "anna.mp4", "ben.mp4")
    code, out, err = evoked("rate", "new", study, "--clips", 8, "--sample", "uniform")
    assert (code, out) == (0, "8 of 16 clips of 3 s, 3 raters each, 0 in the training round: amusement, surprise\n")
    assert f"next: evoked rate serve {study}" in err
    assert evoked("rate", "export", study, "-o", tmp_path / "r.csv")[2].startswith("evoked: nothing was rated in")
    code, out, _ = evoked("rate", "invite", study, 3, "--public-url", "https://lab.example/rate/")
    links = [line.split("\t") for line in out.splitlines()]
    assert [name for name, _ in links] == ["r001", "r002", "r003"]
    assert all(link.startswith("https://lab.example/rate/#") and len(link) > 55 for _, link in links)
    rate_all(study, 3)
    state = json.loads(evoked("rate", "status", study, "--json")[1])
    assert (state["ratings"], state["complete"], state["raters"]["r002"]) == (24, 8, [8, 2.0])
    assert "24 of 24 ratings, 8 of 8 clips complete, 0 cannot tell" in evoked("rate", "status", study)[1]
    assert evoked("rate", "export", study, "-o", tmp_path / "r.csv")[:2] == (0, f"{tmp_path / 'r.csv'}\n")
    assert read_provenance(tmp_path / "r.csv")["made_by"] == "rate export"  # type: ignore[index]
    assert evoked("rate", "export", study, "-o", tmp_path / "r.csv")[0] == 0  # its own is replaced
    (tmp_path / "mine.csv").write_text("mine")
    assert "did not write it" in evoked("rate", "export", study, "-o", tmp_path / "mine.csv")[2]
    assert (tmp_path / "mine.csv").read_text() == "mine"
    code, out, err = evoked("agree", study / "results" / "annotations", tmp_path / "r.csv", "--json")
    assert code == 0, err
    agreement = json.loads(out)
    assert agreement["rows"][0]["clips"] == 8
    assert any("weigh each clip by 1 / sampling_probability" in note for note in agreement["notes"])
    code, _, err = evoked("rate", "import", study, tmp_path / "r.csv")
    assert (code, err.count("\n"), "r001 holds or rated anna.mp4" in err) == (1, 1, True)
    renamed = (tmp_path / "r.csv").read_text().replace("r00", "other")
    (tmp_path / "renamed.csv").write_text(renamed)
    assert "is rated by 3 already" in evoked("rate", "import", study, tmp_path / "renamed.csv")[2]
    other = make_study(tmp_path / "other", "anna.mp4", "ben.mp4")
    evoked("rate", "new", other, "--clips", 8, "--sample", "uniform")
    assert evoked("rate", "import", other, tmp_path / "r.csv")[:2] == (0, "24 answers of 3 raters added\n")
    assert evoked("rate", "export", other, "-o", tmp_path / "again.csv")[0] == 0
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "r.csv").read_text()
    assert evoked("rate", "revoke", study, "r001")[:2] == (0, "r001: the invitation is not valid any more\n")
    evoked("rate", "export", study, "-o", tmp_path / "m.csv", "--merge", "majority")
    assert (tmp_path / "m.csv").read_text().splitlines()[1].split(",")[4:] == ["1", "0", "0.5"]
    assert evoked("rate", "forget", study, "r002")[:2] == (0, "r002: 8 answers deleted\n")
    assert json.loads(evoked("rate", "status", study, "--json")[1])["complete"] == 0
    lines = [line.split(",") for line in (tmp_path / "m.csv").read_text().splitlines()[1:]]
    tasks = [dict(zip(("video", "start_s", "end_s", "viewer"), line[:4], strict=True)) for line in lines]
    seen = [{"type": "choices", "value": {"choices": ["Amusement"]}}]
    by = {"id": 9, "email": "ann@lab.example"}
    made = [{"id": i, "data": d, "annotations": [{"completed_by": by, "result": seen}]} for i, d in enumerate(tasks)]
    (tmp_path / "ls.json").write_text(json.dumps(made).replace("Amusement", "anger"))
    assert "task 0: the choice 'anger' is no known" in evoked("rate", "import", study, tmp_path / "ls.json")[2]
    (tmp_path / "ls.json").write_text(json.dumps(made).replace('"viewer"', '"face"'))
    assert "names no viewer, and the plan rates one" in evoked("rate", "import", study, tmp_path / "ls.json")[2]
    (tmp_path / "ls.json").write_text(json.dumps(made))
    assert evoked("rate", "import", study, tmp_path / "ls.json") == (0, "8 answers of 1 raters added\n", "")
    evoked("rate", "export", study, "-o", tmp_path / "r.csv")
    table = read_ratings(tmp_path / "r.csv")
    assert (table.raters, table.marks[table.rater == 0].tolist()) == (("ls-9", "r001", "r003"), [[1, 0]] * 8)
    assert "lab.example" not in (tmp_path / "r.csv").read_text()


def test_labels_of_the_content_by_people(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", "anna.mp4")
    (study / "contents").mkdir()
    write_recording(study / "contents" / "film.mp4", 13)
    write_offsets(
        study / "results/alignments/anna.mp4.json", OffsetMap(1, (Segment(0, 13, 2.0, 1.0),)), Provenance("align")
    )
    (study / "results" / "pairs.csv").write_text("reaction,content\nanna.mp4,film.mp4\n")
    evoked("rate", "new", study, "--clips", 9, "--sample", "uniform")
    evoked("rate", "invite", study, 3)
    assert "nothing was rated in" in evoked("rate", "export", study, "--labels", "-o", tmp_path / "h.parquet")[2]
    rate_all(study, 3)
    code, out, err = evoked("rate", "export", study, "--labels", "-o", tmp_path / "h.parquet")
    assert (code, out) == (0, f"{tmp_path / 'h.parquet'}\n")
    assert err == "note: 1 rated clips lie where their recording shows no second of a content: left out\n"
    labels = read_labels(tmp_path / "h.parquet")["film.mp4"]
    assert np.flatnonzero(labels.labels.valid).tolist() == [3, 6, 9, 12]  # centres 2.5, 5.5, 8.5, 11.5
    assert labels.labels.values[3].tolist() == [1, 0]
    assert labels.viewers[[3, 6, 9, 12]].tolist() == [1, 2, 2, 2]
    about = read_provenance(tmp_path / "h.parquet")
    assert about is not None
    assert about["config"]["labels"] == "human"


def test_clips_for_the_recogniser_show_one_viewer_each(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", "anna.mp4")
    evoked("rate", "new", study, "--clips", 3, "--sample", "uniform")
    evoked("rate", "invite", study, 3)
    rate_all(study, 3)
    folder = tmp_path / "rated"
    assert evoked("rate", "export", study, "--clips", "-o", folder)[:2] == (0, f"{folder / 'ratings.csv'}\n")
    table = read_ratings(folder / "ratings.csv")
    assert (len(table.clips), table.clips[0].video, len(table.raters)) == (3, "anna.mp4", 3)
    for clip in table.clips:
        media = probe(folder / clip.clip)
        assert media.picture is not None
        assert (float(media.picture.duration_s), media.picture.width < 320) == (3.0, True)
    assert "give one of" in evoked("rate", "export", study, "--clips", "--labels", "-o", folder)[2]


def test_expressions_and_consent_of_ones_own(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", "anna.mp4")
    own = tmp_path / "own.toml"
    own.write_text('[boredom]\nname = "Boredom"\n')
    code, _, err = evoked("rate", "new", study, "--expressions", own)
    assert (code, err.count("\n")) == (1, 1)
    assert "boredom must be a table [boredom] with name" in err
    own.write_text('[boredom]\nname = "Boredom"\ndefinition = "looks away"\n')
    assert evoked("rate", "new", study, "--expressions", own)[1].endswith("boredom\n")
    assert "there is a rating plan already" in evoked("rate", "new", study)[2]


@pytest.mark.parametrize("verb", ["serve", "status", "invite"])
def test_a_study_without_a_plan_says_so(evoked, tmp_path: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    words = [3] if verb == "invite" else ["--port", 0] if verb == "serve" else []
    code, out, err = evoked("rate", verb, tmp_path, *words)
    assert (code, out) == (1, "")
    assert err == "evoked: there is no rating plan: make one with evoked rate new STUDY\n"


def test_what_cannot_be_rated_is_told_in_a_line(evoked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    study = make_study(tmp_path / "study", "anna.mp4")
    known = tmp_path / "known.csv"
    known.write_text("video,start_s,end_s,viewer,rater,amusement,surprise\nanna.mp4,1,4,v1,lead,1,0\n")
    assert "anna.mp4 1-4 s v1 is no clip that could be rated" in evoked("rate", "new", study, "--training", known)[2]
    assert evoked("rate", "new", study)[0] == 0
    (study / "reactions" / "anna.mp4").unlink()
    code, _, err = evoked("rate", "serve", study, "--port", 0)
    assert (code, "which the rating plan names, is not there: put it back" in err) == (1, True)
    other = make_study(tmp_path / "other", "anna.mp4")
    write_annotation(other / "results/annotations/anna.mp4.parquet", "anna.mp4", boxes=False)
    assert 'set columns = ["scores", "box"] in the section [annotate]' in evoked("rate", "new", other)[2]
