"""evoked annotate --preview and --blur: where they write, and what they refuse before any work."""

from pathlib import Path

import pytest

from evoked.media.probe import probe

pytestmark = pytest.mark.nets


def test_both_are_written_beside_the_summary(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("annotate", media["variable"], "--preview", tmp_path / "p.mp4", "--blur", tmp_path / "deep" / "b.mp4")

    assert ran.code == 0, ran.err
    hint = "note: without --content, faces in a video that is on the screen also count as viewers"
    assert ran.lines.count(hint) == 1
    assert ran.out.splitlines()[:2] == [str(tmp_path / "p.mp4"), str(tmp_path / "deep" / "b.mp4")]
    whole = probe(media["variable"])
    for out in (tmp_path / "p.mp4", tmp_path / "deep" / "b.mp4"):
        made = probe(out)
        assert made.sound is not None
        assert abs(float(made.duration_s - whole.duration_s)) < 0.2
        assert made.picture is not None
        assert whole.picture is not None
        assert (made.picture.width, made.picture.height) == (whole.picture.width, whole.picture.height)


def test_a_rotated_film_is_drawn_upright(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("annotate", media["rotated"], media["one_frame"], "--blur", tmp_path, "-o", tmp_path)

    assert ran.code == 0, ran.err
    made = probe(tmp_path / "rotated.mp4.mp4").picture
    assert made is not None
    assert (made.width, made.height, made.rotation) == (400, 144, 0)
    assert probe(tmp_path / "one_frame.mp4.mp4").picture is not None


def test_what_cannot_be_is_told_before_the_work(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plain, other, film = media["plain"], media["silent"], media["content"]
    before, shown = plain.read_bytes(), film.read_bytes()

    itself = evoked("annotate", plain, "--blur", plain)
    content = evoked("annotate", plain, "--content", film, "--blur", film)
    both = evoked("annotate", plain, "--blur", tmp_path / "x.mp4", "--preview", tmp_path / "x.mp4")
    many = evoked("annotate", plain, other, "--blur", tmp_path / "x.mp4")
    picture = evoked("annotate", plain, "--blur", tmp_path / "x.png")

    assert (itself.code, both.code, many.code, picture.code) == (1, 1, 2, 2)
    assert "that is another video of this command; choose another name" in itself.lines[-1]
    assert "that is another video of this command; choose another name" in content.lines[-1]
    assert (content.code, film.read_bytes()) == (1, shown)
    assert "that is another video of this command" in both.lines[-1]
    assert "--blur: 2 reactions need a folder, not the file x.mp4" in many.err
    assert "writes a video (.mp4, .mov, .mkv) or into a folder, got x.png" in picture.err
    assert plain.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


def test_the_content_as_its_own_reaction_is_one_line(evoked, media) -> None:  # type: ignore[no-untyped-def]
    ran = evoked("annotate", media["content"], "--content", media["content"])

    assert ran.code == 1
    assert ran.lines[-1].count("is the content itself (content.mp4): name the recording of the people") == 1
    assert len(ran.lines) == 1


def test_a_reaction_longer_and_one_much_shorter_than_the_content(evoked, media, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Twenty seconds recorded around six of film; and six seconds seen of a film of ninety."""
    import odd_media

    from evoked.core.tables import read_table
    from evoked.weights.cache import default_cache

    long, around = tmp_path / "long.mp4", "tpad=start_duration=5:stop_duration=9:start_mode=clone:stop_mode=clone"
    odd_media.run("-i", media["plain"], "-vf", around, "-af", "adelay=5000:all=1,apad=pad_dur=9", *odd_media.X264,
                  *odd_media.AAC, "-t", 20, long)  # fmt: skip
    film = tmp_path / "film.mp4"
    odd_media.run("-i", default_cache().clip("bbb.mp4"), "-t", 90, "-c", "copy", film)
    for reaction, content, seconds, first in (
        (long, media["content"], 6, 0),
        (media["plain"], film, 90, odd_media.FILM_S),
    ):
        out = tmp_path / f"{seconds}.csv"
        ran = evoked("annotate", reaction, "--content", content, "--labels", "-o", out)
        assert ran.code == 0, ran.err
        labels = read_table(out)
        valid = [second for second, known in zip(labels["second"], labels["valid"], strict=True) if known]
        assert len(labels["second"]) in (seconds, seconds + 1)
        assert set(valid) <= set(range(first - 1, first + 7))  # windows of three seconds reach beyond
        assert len(valid) >= 5
