"""evoked annotate --preview and --blur: the files they write, and wrong usage that is refused before the work."""

from pathlib import Path

import pytest

from evoked.media.probe import probe

pytestmark = pytest.mark.nets


def test_both_are_written_beside_the_summary(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked(
        "annotate", media["variable"], "--preview", tmp_path / "p.mp4", "--blur", tmp_path / "deep" / "b.mp4"
    )

    assert result.code == 0, result.err
    hint = "note: without --content, faces in a video that is on the screen also count as viewers"
    assert result.lines.count(hint) == 1
    assert result.out.splitlines()[:2] == [str(tmp_path / "p.mp4"), str(tmp_path / "deep" / "b.mp4")]
    source = probe(media["variable"])
    for out in (tmp_path / "p.mp4", tmp_path / "deep" / "b.mp4"):
        preview = probe(out)
        assert preview.sound is not None
        assert abs(float(preview.duration_s - source.duration_s)) < 0.2
        assert preview.picture is not None
        assert source.picture is not None
        assert (preview.picture.width, preview.picture.height) == (source.picture.width, source.picture.height)


def test_a_rotated_video_is_drawn_upright(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = evoked("annotate", media["rotated"], media["one_frame"], "--blur", tmp_path, "-o", tmp_path)

    assert result.code == 0, result.err
    picture = probe(tmp_path / "rotated.mp4.mp4").picture
    assert picture is not None
    assert (picture.width, picture.height, picture.rotation) == (400, 144, 0)
    assert probe(tmp_path / "one_frame.mp4.mp4").picture is not None


def test_outputs_that_cannot_be_written_are_reported_before_the_work(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plain, second, content = media["plain"], media["silent"], media["content"]
    plain_bytes, content_bytes = plain.read_bytes(), content.read_bytes()

    over_reaction = evoked("annotate", plain, "--blur", plain)
    over_content = evoked("annotate", plain, "--content", content, "--blur", content)
    same_file = evoked("annotate", plain, "--blur", tmp_path / "x.mp4", "--preview", tmp_path / "x.mp4")
    one_for_two = evoked("annotate", plain, second, "--blur", tmp_path / "x.mp4")
    wrong_suffix = evoked("annotate", plain, "--blur", tmp_path / "x.png")

    assert (over_reaction.code, same_file.code, one_for_two.code, wrong_suffix.code) == (1, 1, 2, 2)
    assert "that is another video of this command; choose another name" in over_reaction.lines[-1]
    assert "that is another video of this command; choose another name" in over_content.lines[-1]
    assert (over_content.code, content.read_bytes()) == (1, content_bytes)
    assert "that is another video of this command" in same_file.lines[-1]
    assert "--blur: 2 reactions need a folder, not the file x.mp4" in one_for_two.err
    assert "writes a video (.mp4, .mov, .mkv) or into a folder, got x.png" in wrong_suffix.err
    assert plain.read_bytes() == plain_bytes
    assert list(tmp_path.iterdir()) == []


def test_the_content_as_its_own_reaction_is_one_line(evoked, media) -> None:  # type: ignore[no-untyped-def]
    result = evoked("annotate", media["content"], "--content", media["content"])

    assert result.code == 1
    assert result.lines[-1].count("is the content itself (content.mp4): name the recording of the people") == 1
    assert len(result.lines) == 1


def test_a_reaction_longer_and_one_much_shorter_than_the_content(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A recording of 20 s around a content of 6 s; a recording of 6 s of a content of 90 s."""
    import odd_media

    from evoked.core.tables import read_table
    from evoked.weights.cache import default_cache

    long, padding = tmp_path / "long.mp4", "tpad=start_duration=5:stop_duration=9:start_mode=clone:stop_mode=clone"
    odd_media.run("-i", media["plain"], "-vf", padding, "-af", "adelay=5000:all=1,apad=pad_dur=9", *odd_media.X264,
                  *odd_media.AAC, "-t", 20, long)  # fmt: skip
    full_content = tmp_path / "full.mp4"
    odd_media.run("-i", default_cache().clip("bbb.mp4"), "-t", 90, "-c", "copy", full_content)
    for reaction, content, seconds, first in (
        (long, media["content"], 6, 0),
        (media["plain"], full_content, 90, odd_media.CONTENT_START_S),
    ):
        out = tmp_path / f"{seconds}.csv"
        result = evoked("annotate", reaction, "--content", content, "--labels", "-o", out)
        assert result.code == 0, result.err
        labels = read_table(out)
        valid = [second for second, is_valid in zip(labels["second"], labels["valid"], strict=True) if is_valid]
        assert len(labels["second"]) in (seconds, seconds + 1)
        assert set(valid) <= set(range(first - 1, first + 7))  # windows of three seconds reach beyond
        assert len(valid) >= 5
