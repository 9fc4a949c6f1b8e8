"""A short study, really made from real media, and read back with ffmpeg: everything stands where it was planned."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.signal import correlate

from evoked.cli.sample import sample
from evoked.core.errors import OutputError, StudyError, WeightsMissing
from evoked.core.files import sha256
from evoked.media.images import resize
from evoked.sample import build as build_module
from evoked.sample.build import MadeFile, claim_folder, make_sample
from evoked.sample.ground_truth import read_truth, states_on_reaction
from evoked.sample.layout import FRAME, inset, side
from evoked.sample.plan import FRAME_MS, PlannedReaction, PlannedSegment, SampleSize
from evoked.sample.render import compose_frame
from evoked.sample.source_clips import VIEWERS, Box, ViewerClip
from evoked.weights.cache import Cache, default_cache

SECONDS = 11
SHORT = SampleSize(((170, SECONDS),), (("man", "woman"),), apart_s=4, away_s=2)
Study = tuple[Path, MadeFile]


def frames(path: Path, numbers: list[int], size: tuple[int, int]) -> list[np.ndarray]:
    """The frames of these numbers, counted from the first, by ffmpeg."""
    chosen = "+".join(f"eq(n\\,{n})" for n in sorted(set(numbers)))
    command = ["ffmpeg", "-v", "error", "-i", path, "-vf", f"select={chosen}", "-fps_mode", "passthrough"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    pixels = np.frombuffer(raw, np.uint8).reshape(-1, size[1], size[0], 3)
    return [pixels[sorted(set(numbers)).index(n)] for n in numbers]


def heard(path: Path, hz: int) -> np.ndarray:
    command = ["ffmpeg", "-v", "error", "-i", path, "-ac", "1", "-ar", str(hz), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.float32)


def cut(rgb: np.ndarray, box: Box) -> np.ndarray:
    x, y, w, h = box
    return rgb[y : y + h, x : x + w]


def likeness(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> float:
    """Pearson r of two pictures' pixels."""
    a, b = (p.astype(float).mean(axis=2) for p in (a, b))
    return float(np.corrcoef(a[where].ravel(), b[where].ravel())[0, 1])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("stage") / "short"
    return folder, make_sample(folder, SHORT, 3, cache=default_cache(), workers=1)


@pytest.mark.nets
def test_the_folder_is_a_study(study: Study) -> None:
    folder, written = study
    assert sorted(p.name for p in folder.iterdir() if p.name != ".evoked.lock") == [
        *(".sample", "README.txt", "contents", "reactions", "study.toml", "truth.json")
    ]
    assert (folder / "study.toml").read_text().splitlines()[1:] == [
        'note = "staged: these people did not watch this film"',
        "staged = true",
    ]
    readme = (folder / "README.txt").read_text()
    assert "CC BY 3.0" in readme
    assert "these people did not watch this film" in readme
    assert len(written.made) == 3
    assert written.kept == ()
    assert [s["name"] for s in read_truth(folder)["sources"]] == [
        *("bbb.mp4", "single_face.mp4", "WolfgangLanger_Pexels.mp4")
    ]


@pytest.mark.nets
def test_lengths_and_rates_are_as_planned(study: Study) -> None:
    folder, written = study
    show = ["ffprobe", "-v", "error", "-count_packets", "-of", "json", "-show_entries"]
    wanted = "stream=codec_name,width,height,r_frame_rate,nb_read_packets,sample_rate"
    for name, size, rate, frames in (
        ("contents/bunny_170.mp4", (640, 360), "24/1", SECONDS * 24),
        *((f"reactions/{r.name}", FRAME, "25/1", r.duration_ms // FRAME_MS) for r in written.plan.reactions),
    ):
        report = json.loads(subprocess.run([*show, wanted, folder / name], capture_output=True, check=True).stdout)
        picture, sound = report["streams"]
        assert (picture["codec_name"], sound["codec_name"], sound["sample_rate"]) == ("h264", "aac", "48000")
        assert (picture["width"], picture["height"]) == size
        assert picture["r_frame_rate"] == rate
        assert int(picture["nb_read_packets"]) == frames


@pytest.mark.nets
def test_the_reaction_shows_the_content_at_the_mapped_time(study: Study) -> None:
    folder, written = study
    for reaction in written.plan.reactions:
        free = np.ones((FRAME[1], FRAME[0]), dtype=bool)
        x, y, w, h = reaction.layout.viewer
        free[y : y + h, x : x + w] = False
        indices = [(s.reaction_start_ms + s.reaction_end_ms) // 2 // FRAME_MS for s in reaction.stretches]
        at_ms = [
            s.content_start_ms + t * FRAME_MS - s.reaction_start_ms
            for t, s in zip(indices, reaction.stretches, strict=True)
        ]
        shown = frames(folder / "reactions" / reaction.name, indices, FRAME)
        for picture, ms in zip(shown, at_ms, strict=True):
            number = ms * 24 // 1000
            pair = frames(folder / "contents" / reaction.content, [number, number + 12], (640, 360))
            similarity, half_a_second_later = (likeness(picture, resize(p, FRAME), free) for p in pair)
            assert similarity > 0.97
            assert similarity > half_a_second_later


@pytest.mark.nets
def test_the_sound_stands_at_the_planted_offset(study: Study) -> None:
    folder, written = study
    hz = 16000
    content = heard(folder / "contents" / "bunny_170.mp4", hz)
    assert len(content) / hz == pytest.approx(SECONDS, abs=0.05)
    for reaction in written.plan.reactions:
        room = heard(folder / "reactions" / reaction.name, hz)
        for s in reaction.stretches:
            piece = content[(s.content_start_ms + 500) * 16 : (s.content_end_ms - 500) * 16]
            pixels = int(np.argmax(correlate(room, piece, "valid", method="fft")))
            assert pixels / hz == pytest.approx((s.reaction_start_ms + 500) / 1000, abs=0.002)


@pytest.mark.nets
def test_a_pause_freezes_the_content(study: Study) -> None:
    folder, written = study
    reaction = written.plan.reactions[1]
    (before, after) = next(pairwise(reaction.stretches))
    assert before.reaction_end_ms + 1000 < after.reaction_start_ms
    begin, end = before.reaction_end_ms // FRAME_MS + 2, after.reaction_start_ms // FRAME_MS - 1
    indices = [begin, end, begin - 4, begin - 4 - (end - begin)]  # within the pause, and as far apart before it
    middle = (400, 300, 400, 300)
    shown = [cut(p, middle).astype(float) for p in frames(folder / "reactions" / reaction.name, indices, FRAME)]
    frozen, running = np.abs(shown[0] - shown[1]).mean(), np.abs(shown[2] - shown[3]).mean()
    assert frozen < 3  # what the encoder leaves
    assert frozen < running / 3


@pytest.mark.nets
def test_before_and_after_the_content_its_box_is_black(study: Study) -> None:
    folder, written = study
    reaction = written.plan.reactions[0]
    for shown in frames(folder / "reactions" / reaction.name, [5, reaction.duration_ms // FRAME_MS - 5], FRAME):
        assert cut(shown, (400, 300, 400, 300)).max() < 20
        assert cut(shown, reaction.layout.viewer).std() > 20


@pytest.mark.nets
def test_the_viewer_shows_the_planted_state(study: Study) -> None:
    """Each state's frames are nearer to the clip's own span of that state than to any other span."""
    folder, written = study
    for reaction in written.plan.reactions:
        viewer, box = VIEWERS[reaction.viewer], reaction.layout.viewer
        known = own_frames(viewer, box[2:])
        spans = states_on_reaction(reaction)
        indices = [(start + end) // 2 // FRAME_MS for start, end, _ in spans]
        for shown, (_, _, state) in zip(
            frames(folder / "reactions" / reaction.name, indices, FRAME), spans, strict=True
        ):
            seen = cut(shown, box).astype(float)
            distance = {s: min(np.abs(seen - k).mean() for k in kept) for s, kept in known.items()}
            assert min(distance, key=lambda s: distance[s]) == state
        assert {s for _, _, s in spans} == {"n", "s", "-"}


def own_frames(viewer: ViewerClip, size: tuple[int, int]) -> dict[str, list[np.ndarray]]:
    """Frames of a viewer's clip in each state, five over its span, cropped and scaled as they are shown."""
    clip, rate = default_cache().clip(viewer.clip), {"man": 30.0, "woman": 24000 / 1001}[viewer.name]
    assert viewer.smile_s is not None
    out = {}
    for state, (start, end), crop in (
        ("n", viewer.neutral_s, viewer.person),
        ("s", viewer.smile_s, viewer.person),
        ("-", viewer.neutral_s, viewer.nobody),
    ):
        numbers = [round(t * rate) for t in np.linspace(start, end - 0.1, 5)]
        box = crop(size[0] / size[1])
        out[state] = [resize(cut(f, box).copy(), size) for f in frames(clip, numbers, viewer.size)]
    return out


@pytest.mark.nets
def test_a_second_call_makes_nothing_and_a_lost_or_altered_file_comes_back_the_same(study: Study) -> None:
    folder, written = study
    first, second = (folder / "reactions" / r.name for r in written.plan.reactions)
    before = {p: sha256(p) for p in (first, second, folder / "truth.json")}
    assert make_sample(folder, SHORT, 3, cache=default_cache(), workers=1).made == ()
    first.unlink()
    (folder / "reactions" / ".reaction_01_man.4711.part.mp4").write_bytes(b"what a killed process leaves")
    second.write_bytes(second.read_bytes()[:-1])
    again = make_sample(folder, SHORT, 3, cache=default_cache(), workers=2)
    assert (again.made, again.kept) == ((first.name, second.name), ("bunny_170.mp4",))
    assert {p: sha256(p) for p in before} == before
    assert sorted(p.name for p in (folder / "reactions").iterdir()) == [first.name, second.name]


@pytest.mark.nets
def test_a_changed_setting_of_the_users_is_kept(study: Study) -> None:
    folder, _ = study
    settings = (folder / "study.toml").read_text() + "\n[training]\n"
    (folder / "study.toml").write_text(settings)
    make_sample(folder, SHORT, 3, cache=default_cache(), workers=1)
    assert (folder / "study.toml").read_text() == settings


@pytest.mark.nets
def test_what_was_finished_before_a_failure_is_kept(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(study[0], folder)
    last = study[1].plan.reactions[-1].name
    (folder / "reactions" / last).unlink()

    def full_disk(*arguments: object) -> None:
        raise OutputError(f"cannot write {arguments[-1]}: disk full")

    with monkeypatch.context() as patch:
        patch.setattr(build_module, "write_reaction", full_disk)
        with pytest.raises(OutputError, match="disk full"):
            make_sample(folder, SHORT, 3, cache=default_cache(), workers=1)
    seconds_done: list[float] = []
    again = make_sample(
        folder,
        SHORT,
        3,
        cache=default_cache(),
        workers=1,
        progress=lambda done, total, note="": seconds_done.append(done),
    )
    assert again.made == (last,)
    assert seconds_done == sorted(seconds_done)
    assert seconds_done[0] == 0


def test_boxes_are_composed_with_the_right_one_on_top() -> None:
    content_rgb, face = (np.full((n, m, 3), v, np.uint8) for n, m, v in ((252, 448, 200), (720, 1280, 90)))
    layout = inset(VIEWERS["man"])
    stretches = (PlannedSegment(0, 1000, 0),)
    within = PlannedReaction("r", "c", "man", layout, stretches, (), 1.0, -60.0, "n", 1000, 0)
    canvas = compose_frame(content_rgb, face, within)
    assert (cut(canvas, layout.content) == 200).all()
    assert canvas[600, 640].tolist() == [90, 90, 90]
    beside = PlannedReaction("r", "c", "man", side(True), stretches, (), 1.0, -60.0, "n", 1000, 0)
    canvas = compose_frame(np.full((450, 800, 3), 200, np.uint8), np.full((448, 448, 3), 90, np.uint8), beside)
    assert canvas[0].max() == 0
    assert (cut(canvas, beside.layout.content) == 200).all()
    lower = cut(canvas, beside.layout.viewer)[-40:]
    assert lower.max() > 200  # the word "staged"


def test_folders_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for n in range(5):
        (tmp_path / "mine" / f"thesis{n}.doc").write_text("x")
    with pytest.raises(StudyError, match=r"not empty \(thesis0\.doc, thesis1\.doc, thesis2\.doc and 2 more\)"):
        claim_folder(tmp_path / "mine", "small", 0)
    with pytest.raises(StudyError, match="is a file, not a folder"):
        claim_folder(tmp_path / "mine" / "thesis0.doc", "small", 0)
    with pytest.raises(OutputError, match="cannot write"):
        claim_folder(tmp_path / "mine" / "thesis0.doc" / "below", "small", 0)
    assert len(list((tmp_path / "mine").iterdir())) == 5


def test_a_sample_of_another_size_or_seed_is_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path, "small", 0)
    claim_folder(tmp_path, "small", 0)
    with pytest.raises(StudyError, match=r"size small with seed 0 .* not of size full with seed 0"):
        claim_folder(tmp_path, "full", 0)
    (tmp_path / ".sample" / "made.json").write_text("{")
    with pytest.raises(StudyError, match="cannot be read"):
        claim_folder(tmp_path, "small", 0)


def test_without_network_and_with_an_empty_cache_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="offline") as caught:
        make_sample(tmp_path / "s", "small", cache=Cache(tmp_path / "cache", offline=True))
    assert "\n" not in str(caught.value)


def test_no_such_size(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no size 'huge'; there are: small, full"):
        make_sample(tmp_path / "s", "huge", cache=Cache(tmp_path / "cache", offline=True))
    assert CliRunner().invoke(sample, [str(tmp_path / "s"), "--size", "huge"]).exit_code == 2
    assert not (tmp_path / "s").exists()
