"""The planted world: what it plants is there, nothing else is, and what can be known of it is exact."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from evoked.core.expressions import EEV5
from evoked.dataset.labels import read_labels
from evoked.dataset.load_examples import load_examples
from staging.bayes_bound import bounds, evidence, knowable, knowable_affect
from staging.planted_features import PLANTED, Event, Planted, World, plant, plant_all
from staging.planted_files import write_world

WORLD = World()
TABLE_1 = {
    "amusement": (0.770, 0.289),
    "concentration": (0.840, 0.134),
    "contentment": (0.552, 0.182),
    "interest": (0.769, 0.475),
    "surprise": (0.733, 0.017),
}


@pytest.fixture(scope="module")
def videos() -> list[Planted]:
    return plant_all(WORLD, 160)


def pooled(videos: list[Planted], name: str) -> np.ndarray:
    return np.concatenate([getattr(video, name) for video in videos])


def test_the_labels_err_as_the_paper_s_machine(videos: list[Planted]) -> None:
    truth, labels = pooled(videos, "truth"), pooled(videos, "labels")

    for k, (name, (precision, recall)) in enumerate(TABLE_1.items()):
        both = (truth[:, k] & labels[:, k]).sum()
        said, felt = labels[:, k].sum(), truth[:, k].sum()
        assert felt / len(truth) == pytest.approx(PLANTED[name].share, rel=0.25), name
        assert both / felt == pytest.approx(recall, abs=4 * np.sqrt(recall * (1 - recall) / felt)), name
        assert both / said == pytest.approx(precision, abs=max(0.06, 4 * np.sqrt(0.25 / said))), name
    assert labels[:, 4].mean() == pytest.approx(0.0008, rel=0.5)  # the paper's rarest


def test_errors_that_last_have_the_same_precision_and_recall() -> None:
    lasting = plant_all(World(errors_s=6), 160)
    truth, labels = pooled(lasting, "truth"), pooled(lasting, "labels")

    for k, (precision, recall) in enumerate(list(TABLE_1.values())[:4]):
        assert labels[truth[:, k], k].mean() == pytest.approx(recall, abs=0.05)
        assert truth[labels[:, k], k].mean() == pytest.approx(precision, abs=0.08)
    flips = [
        np.mean([(np.diff(v.labels[:, 3].astype(int)) != 0).mean() for v in part])
        for part in (lasting, plant_all(WORLD, 40))
    ]
    assert flips[0] < flips[1] / 2


def test_events_last_and_come_late_as_planted(videos: list[Planted]) -> None:
    for k, event in enumerate(PLANTED.values()):
        runs = [[(on, len(list(run))) for on, run in itertools.groupby(v.truth[:, k])] for v in videos]
        inner = [length for of_video in runs for on, length in of_video[1:-1] if on]
        if event.length_s < 10:  # longer ones are cut by the ends of a video
            assert np.mean(inner) == pytest.approx(event.length_s, rel=0.1)
        gain = [
            np.mean(
                [evidence(WORLD, v)[: 300 - d, k][v.truth[d:, k]].mean() for v in videos[:40] if v.truth[d:, k].any()]
            )
            for d in range(6)
        ]
        if event.delay_s and event.length_s < 10:
            assert int(np.argmax(gain)) == event.delay_s


def test_the_same_world_gives_the_same_bytes_and_another_seed_others() -> None:
    one, same, other = (plant(w, 3) for w in (WORLD, World(), replace(WORLD, seed=1)))

    for name, rows in one.features.items():
        assert rows.dtype == np.float16
        assert rows.tobytes() == same.features[name].tobytes() != other.features[name].tobytes()
    assert np.array_equal(one.labels, same.labels)
    assert one.name == same.name != other.name


def test_an_absent_face_is_zeros_and_the_second_never_comes_alone(videos: list[Planted]) -> None:
    for video in videos[:10]:
        parts = video.features["face"].reshape(300, 2, -1)
        assert np.array_equal(parts.any(axis=2), video.faces)
        assert not (video.faces[:, 1] & ~video.faces[:, 0]).any()
    assert 0.2 < pooled(videos, "faces")[:, 1].mean() < pooled(videos, "faces")[:, 0].mean() < 0.95


def test_a_modality_carries_nothing_of_another_s_events(videos: list[Planted]) -> None:
    """A plain classifier on one modality finds what is planted there and stays at chance where nothing is."""
    learn, test = videos[:80], videos[80:]
    for name in WORLD.sizes:
        rows = [np.concatenate([v.features[name] for v in part]).astype(np.float64) for part in (learn, test)]
        for k, (expression, event) in enumerate(PLANTED.items()):
            if event.turned and name == "audio":
                continue  # there, but without the picture it says nothing
            late = [np.concatenate([np.roll(v.truth[:, k], -event.delay_s) for v in part]) for part in (learn, test)]
            score = LogisticRegression(max_iter=300).fit(rows[0], late[0]).decision_function(rows[1])
            gain = average_precision_score(late[1], score) / late[1].mean()
            assert (gain > 1.2) if name in event.shows else (0.85 < gain < 1.15), (name, expression, gain)


def test_the_turned_sound_says_nothing_without_the_picture(videos: list[Planted]) -> None:
    k = EEV5.index("contentment")
    sound = np.concatenate([v.features["audio"] for v in videos]).astype(np.float64)
    late = np.concatenate([np.roll(v.truth[:, k], -3) for v in videos])
    kind = pooled(videos, "kind")[:, None]

    alone, turned = (
        LogisticRegression(max_iter=300).fit(x[::2], late[::2]).decision_function(x[1::2])
        for x in (sound, sound * kind)
    )

    assert average_precision_score(late[1::2], alone) < 1.2 * late.mean()
    assert average_precision_score(late[1::2], turned) > 1.6 * late.mean()


def brute(event: Event, logs: np.ndarray) -> np.ndarray:
    """P(felt at each t | logs up to t), by adding up every possible history."""
    d, steps = event.delay_s, len(logs)
    out = np.zeros(steps)
    for t in range(steps):
        total = felt = 0.0
        for path in itertools.product((0, 1), repeat=d + t + 1):  # states of seconds -d … t
            p = event.share if path[0] else 1 - event.share
            for a, b in itertools.pairwise(path):
                on = (1 - 1 / event.length_s) if a else event.onset
                p *= on if b else 1 - on
            p *= np.exp(sum(logs[s] for s in range(t + 1) if path[d + s]))
            total += p
            felt += p * path[t]
        out[t] = felt / total
    return out


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_what_can_be_known_is_the_sum_over_all_histories(delay: int) -> None:
    event = Event(0.3, 4, delay, {"audio": 1.5}, 1, 1)
    world = World(events={"joy": event}, seconds=9)
    video = plant(world, 0)

    expected = brute(event, evidence(world, video)[:, 0])

    np.testing.assert_allclose(knowable(world, video)[:, 0], expected, atol=1e-12)


def test_the_evidence_is_the_difference_of_normal_densities() -> None:
    event = Event(0.3, 4, 0, {"image": 0.7, "face": 1.1}, 1, 1)
    world = World(events={"joy": event}, seconds=40)
    video = plant(world, 1)
    rows, faces = (video.features[n].astype(np.float64) for n in ("image", "face"))

    from staging.planted_features import directions

    shown = evidence(world, video)[:, 0]

    for t in range(40):
        total = 0.0
        parts = [("image", rows[t]), *(("face", faces[t, 32 * p : 32 * p + 32]) for p in (0, 1) if video.faces[t, p])]
        for name, x in parts:
            shift = event.shows[name] * directions(world, name)[0][0]
            total += ((x**2).sum() - ((x - shift) ** 2).sum()) / 2  # scenes are orthogonal and cancel
        assert shown[t] == pytest.approx(total, abs=1e-9)


def test_what_can_be_known_is_as_sure_as_it_says(videos: list[Planted]) -> None:
    p, truth = np.concatenate([knowable(WORLD, v) for v in videos[:80]]), pooled(videos[:80], "truth")

    for k in range(4):  # calibrated: of seconds at p, a share of p is felt
        for low in np.arange(0, 1, 0.25):
            inside = (p[:, k] >= low) & (p[:, k] < low + 0.25)
            assert truth[inside, k].mean() == pytest.approx(p[inside, k].mean(), abs=0.06)


def test_no_simple_score_passes_the_bound(videos: list[Planted]) -> None:
    found = bounds(WORLD, videos)
    keep, truth, labels = (pooled(videos, n) for n in ("valid", "truth", "labels"))
    logs = [evidence(WORLD, v) for v in videos]
    for k, (name, event) in enumerate(PLANTED.items()):
        now = np.concatenate([x[:, k] for x in logs])
        late = np.concatenate([np.roll(x[:, k], event.delay_s) for x in logs])
        calm = np.concatenate([np.convolve(x[:, k], np.ones(10) / 10)[:300] for x in logs])
        for score in (now, late, calm):
            assert average_precision_score(truth[keep, k], score[keep]) < found[k].truth, name
            assert average_precision_score(labels[keep, k], score[keep]) < found[k].labels * (1.1 if k == 4 else 1)
        assert found[k].truth_chance < found[k].truth <= 1
        assert (
            found[k].labels_chance < found[k].labels <= found[k].told * (1.6 if k == 4 else 1.1)
        )  # noise hides most, whoever knows all
    assert found[4].labels == pytest.approx(0.015, abs=0.01)


def test_affect_follows_what_can_be_known(videos: list[Planted]) -> None:
    affect = pooled(videos[:40], "affect")
    best = np.concatenate([knowable_affect(WORLD, v) for v in videos[:40]])

    assert np.abs(affect).max() <= 1
    for k in range(2):
        error = ((affect[:, k] - best[:, k]) ** 2).mean()
        assert 0.8 * 0.25**2 < error < affect[:, k].var()


def test_written_it_is_what_the_commands_read(tmp_path: Path) -> None:
    world = World(seconds=50)

    made = write_world(tmp_path, world, 3)

    for table, name in (("labels", "labels"), ("truth", "truth")):
        loaded = load_examples(read_labels(tmp_path / f"{table}.parquet"), tmp_path / "features")
        for example, video in zip(loaded.examples, made, strict=True):
            assert example.expressions == EEV5
            assert np.array_equal(example.valid, video.valid)
            assert np.array_equal(example.labels, np.where(video.valid[:, None], getattr(video, name), False))
            for modality, rows in video.features.items():
                assert np.array_equal(example.features[modality][:], rows)
    told = json.loads((tmp_path / "bounds.json").read_text())
    assert [b["expression"] for b in told["bounds"]] == list(EEV5)
    assert told["provenance"]["config"]["world"]["events"]["surprise"]["recall"] == 0.017


def test_worlds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="no such event can be"):
        Event(0.98, 4, 0, {"image": 1}, 0.5, 0.9)
    with pytest.raises(ValueError, match="precision and recall"):
        Event(0.1, 4, 0, {"image": 1}, 0, 0.9)
    with pytest.raises(ValueError, match="a length of 1 s"):
        Event(0.1, 0.5, 0, {"image": 1}, 1, 1)
    with pytest.raises(ValueError, match="image needs 14 numbers per second or more"):
        World(image=10)
    with pytest.raises(ValueError, match="errors_s must be 1 or more"):
        World(errors_s=0.5)
    with pytest.raises(ValueError, match="2 equal faces"):
        World(face=63)
