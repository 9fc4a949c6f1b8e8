"""What a study folder may contain, and the errors where something is missing."""

from pathlib import Path

import pytest

from evoked.core.errors import StudyError
from evoked.core.expressions import EEV5
from evoked.core.settings import setting, settings
from evoked.study.layout import config_values, open_study, parse_sections, read_toml


@settings
class Vote:
    quorum: int = setting(9, "frames")
    reaction_lag_s: float = setting(0.0, "seconds")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for subfolder, names in (("contents", ("b.mp4", "a.MKV", "notes.txt")), ("reactions", ("r.webm", ".r.1.part.mp4"))):
        (tmp_path / subfolder).mkdir()
        for name in names:
            (tmp_path / subfolder / name).write_bytes(b"x")
    return tmp_path


def test_videos_are_listed_sorted_and_other_files_are_ignored(study: Path) -> None:
    folder = open_study(study)
    assert folder.contents == ("a.MKV", "b.mp4")
    assert folder.reactions == ("r.webm",)


def test_names_that_differ_only_in_their_suffix_have_different_results(study: Path) -> None:
    folder = open_study(study)
    assert folder.features("a.mp4") != folder.features("a.mkv")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("", "no study folder at"),
        ("contents", r"has no folder contents/. Put the videos that were watched there"),
        ("reactions/r.webm", r"holds no video. Put the recordings of the people who watched there"),
    ],
)
def test_a_missing_folder_or_video_is_reported(study: Path, missing: str, message: str) -> None:
    if not missing:
        with pytest.raises(StudyError, match=message):
            open_study(study / "elsewhere")
        return
    target = study / missing
    if target.is_dir():
        for file in target.iterdir():
            file.unlink()
        target.rmdir()
    else:
        target.unlink()
    with pytest.raises(StudyError, match=message):
        open_study(study)


def test_every_key_has_a_default(study: Path) -> None:
    about, configs = parse_sections(read_toml(study), {"vote": Vote})
    assert about.expressions == EEV5
    assert configs["vote"] == Vote()


def test_keys_are_read(study: Path) -> None:
    (study / "study.toml").write_text('name = "N"\nexpressions = ["awe"]\n[vote]\nquorum = 3\nreaction_lag_s = 1\n')
    about, configs = parse_sections(read_toml(study), {"vote": Vote})
    assert (about.name, about.expressions) == ("N", ("awe",))
    assert configs["vote"] == Vote(3, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quorum = 3", "study.toml: no setting 'quorum'; there are: name, note, preset, staged, match, expressions"),
        ("[votes]\nquorum = 3", r"no section \[votes\]; there are: vote"),
        ("[vote]\nquorums = 3", r"study.toml \[vote\]: no setting 'quorums'; there are: quorum, reaction_lag_s"),
        ("[vote]\nquorum = '3'", r"study.toml \[vote\]: quorum must be a whole number, got '3'"),
        ("expressions = []", "one or more different names"),
        ("name = ", "study.toml cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(study: Path, text: str, message: str) -> None:
    (study / "study.toml").write_text(text)
    with pytest.raises(StudyError, match=message) as caught:
        parse_sections(read_toml(study), {"vote": Vote})
    assert "\n" not in str(caught.value)


def test_a_config_becomes_plain_values() -> None:
    assert config_values(Vote(quorum=2, reaction_lag_s=0.5)) == {"quorum": 2, "reaction_lag_s": 0.5}
