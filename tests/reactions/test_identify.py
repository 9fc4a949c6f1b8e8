"""The right one of many contents, or none; contents are parts of one film, whose music recurs."""

import numpy as np
import pytest
from filmed import HZ, Samples, cut, hush, joined, under

from evoked.core.errors import AlignmentError, NoSoundError
from evoked.reactions.alignment.audio.align import align
from evoked.reactions.alignment.library.identify import MemoryLibrary
from evoked.sample.soundtrack import viewer_murmur

pytestmark = pytest.mark.nets
PARTS = {f"part{i}": (40.0 * i, 40.0 * i + 40.0) for i in range(12)}


def part(name: str) -> Samples:
    return cut(*PARTS[name])


def voice(seconds: float) -> Samples:
    return viewer_murmur(round(seconds * HZ), np.random.default_rng(7)).astype(np.float32)


@pytest.fixture(scope="module")
def library() -> MemoryLibrary:
    return MemoryLibrary(tuple(PARTS), part, HZ)


@pytest.mark.parametrize("name", ["part1", "part4", "part6", "part8"])
def test_the_content_that_is_played_is_found(name: str, library: MemoryLibrary) -> None:
    reaction = joined(hush(4.5), under(part(name), voice(40), -9), voice(5))
    assert library.ranked(reaction)[0][0] == name
    found = library.identify(reaction)
    assert found.content == name
    assert found.offsets.reaction_time(20.0) == pytest.approx(24.5, abs=0.003)


def test_of_two_the_one_that_is_played_longer(library: MemoryLibrary) -> None:
    assert library.identify(joined(cut(80, 92), hush(2), cut(200, 235))).content == "part5"


def test_it_equals_the_alignment_with_that_content_alone(library: MemoryLibrary) -> None:
    reaction = joined(hush(2), part("part3"))
    assert library.identify(reaction).offsets == align(reaction, part("part3"), HZ)


def test_the_order_of_contents_does_not_matter() -> None:
    reaction = joined(hush(2), part("part2"))
    names = ["part7", "part2", "part5"]
    assert MemoryLibrary(names, part).identify(reaction) == MemoryLibrary(names[::-1], part).identify(reaction)


def test_none_of_them_is_said(library: MemoryLibrary) -> None:
    with pytest.raises(AlignmentError, match="plays none of 12 contents") as caught:
        library.identify(voice(30))
    assert "\n" not in str(caught.value)
    with pytest.raises(AlignmentError, match="plays none of 12 contents"):
        library.identify(cut(500, 530))  # the film's end, which is in no part
    with pytest.raises(AlignmentError, match="plays none of 12"):
        library.identify(np.zeros(30 * HZ, np.float32))
    with pytest.raises(AlignmentError, match="no contents"):
        MemoryLibrary([], part).identify(voice(10))


@pytest.mark.full
def test_a_long_reaction_is_looked_up_in_parts(library: MemoryLibrary) -> None:
    reaction = joined(voice(350), part("part9"), voice(100))
    found = library.identify(reaction)
    assert found.content == "part9"
    assert found.offsets.segments[0].offset_s == pytest.approx(350, abs=0.003)


def test_each_content_is_read_once_for_its_fingerprint() -> None:
    heard: list[str] = []

    def sound_of(name: str) -> Samples:
        heard.append(name)
        return part(name)

    library = MemoryLibrary(["part1", "part2"], sound_of)
    library.ranked(part("part1"))
    library.ranked(part("part2"))
    assert heard == ["part1", "part2"]
    library.identify(part("part1"))
    assert heard.count("part1") == 2  # again, for the alignment


def test_a_content_without_sound_is_reported() -> None:
    def mute(name: str) -> Samples:
        raise NoSoundError(f"{name} has no sound: name a file with an audio stream")

    with pytest.raises(NoSoundError, match="gone has no sound"):
        MemoryLibrary(["gone"], mute).identify(voice(10))
