"""Machine scores and ratings with known relations: every statistic equals that of scikit-learn and scipy."""

import csv
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from rated_world import NAMES, write_world
from scipy.stats import pearsonr
from sklearn.metrics import cohen_kappa_score, precision_score, recall_score

from evoked.agreement.agreement import agree
from evoked.agreement.machine_scores import read_machine_scores
from evoked.agreement.paired_clips import AgreeConfig
from evoked.agreement.results import Agreement, as_text
from evoked.core.errors import DatasetError
from evoked.dataset.folds import make_folds
from evoked.dataset.ratings import read_ratings
from evoked.metrics.bootstrap import group_resamples
from evoked.metrics.operating_point import operating_point

QUICK = AgreeConfig(resamples=40)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def agreement(world: tuple[Path, Path]) -> Agreement:
    return agree(read_machine_scores(world[0]), read_ratings(world[1]), QUICK)


class Plain:
    """The two tables, read with csv only: clip → score, video, gender, {rater: mark}."""

    def __init__(self, world: tuple[Path, Path], name: str) -> None:
        self.score = {row["clip"]: float(row[name]) for row in csv.DictReader(world[0].read_text().splitlines())}
        self.marks: dict[str, dict[str, int]] = {}
        self.video, self.gender = {}, {}
        for row in csv.DictReader(world[1].read_text().splitlines()):
            self.marks.setdefault(row["clip"], {})[row["rater"]] = int(row[name])
            self.video[row["clip"]], self.gender[row["clip"]] = row["video"], row["gender"]
        self.clips = list(self.score)

    def mean(self, clip: str) -> float:
        return float(np.mean(list(self.marks[clip].values())))

    def r(self, clips: list[str]) -> float:
        return float(pearsonr([self.score[c] for c in clips], [self.mean(c) for c in clips])[0])


@pytest.mark.parametrize("k", range(2))
def test_precision_and_recall_equal_scikit_learn(world: tuple[Path, Path], agreement: Agreement, k: int) -> None:
    plain = Plain(world, NAMES[k])
    truth = [sum(plain.marks[c].values()) >= 2 for c in plain.clips]  # 2 of 3
    set_by_hand = replace(QUICK, thresholds={NAMES[k]: 0.6})
    row = agree(read_machine_scores(world[0]), read_ratings(world[1]), set_by_hand).rows[k]
    on = [plain.score[c] >= 0.6 for c in plain.clips]
    assert row.precision.value == pytest.approx(precision_score(truth, on))
    assert row.recall.value == pytest.approx(recall_score(truth, on))
    assert (row.clips, row.on, row.positives) == (288, sum(on), sum(truth))
    assert row.chance == agreement.rows[k].chance == pytest.approx(np.mean(truth))
    assert agreement.rows[k].precision.value is not None
    assert agreement.rows[k].precision.value > agreement.rows[k].chance + 0.2


def test_shares_count_in_part(world: tuple[Path, Path]) -> None:
    plain = Plain(world, NAMES[0])
    config = AgreeConfig(merge="mean", thresholds={"amusement": 0.5}, resamples=1)
    row = agree(read_machine_scores(world[0]), read_ratings(world[1]), config).rows[0]
    on = np.array([plain.score[c] >= 0.5 for c in plain.clips])
    share = np.array([plain.mean(c) for c in plain.clips])
    twice, truth = np.tile(on, 2), np.repeat([1, 0], len(on))
    weights = np.concatenate([share, 1 - share])
    assert row.precision.value == pytest.approx(precision_score(truth, twice, sample_weight=weights))
    assert row.recall.value == pytest.approx(recall_score(truth, twice, sample_weight=weights))


@pytest.mark.parametrize("k", range(2))
def test_correlations_equal_scipy(world: tuple[Path, Path], agreement: Agreement, k: int) -> None:
    plain, row = Plain(world, NAMES[k]), agreement.rows[k]
    assert row.correlation.value == pytest.approx(plain.r(plain.clips))
    for group in agreement.groups:
        inside = [c for c in plain.clips if plain.gender[c] == group.value]
        assert group.each[k].value == pytest.approx(plain.r(inside))
        assert (group.clips, group.units) == (144, 12)
    ratings, others_means, machine = [], [], []
    for clip, marks in plain.marks.items():
        for rater, mark in marks.items():
            ratings.append(mark)
            others_means.append(np.mean([m for r, m in marks.items() if r != rater]))
            machine.append(plain.score[clip])
    assert row.rater.value == pytest.approx(pearsonr(ratings, others_means)[0])
    assert row.machine.value == pytest.approx(pearsonr(machine, others_means)[0])


def test_planted_groups_are_told_apart(agreement: Agreement) -> None:
    """The synthetic machine is four times as noisy for men."""
    man, woman = agreement.groups
    assert (man.column, man.value, woman.value) == ("gender", "man", "woman")
    assert man.mean.high is not None
    assert woman.mean.low is not None
    assert man.mean.high < woman.mean.low


@pytest.mark.parametrize("k", range(2))
def test_cohen_is_the_mean_over_pairs_of_scikit_learn(world: tuple[Path, Path], agreement: Agreement, k: int) -> None:
    plain, kappas = Plain(world, NAMES[k]), []
    for a, b in combinations(sorted({r for m in plain.marks.values() for r in m}), 2):
        shared = [m for m in plain.marks.values() if a in m and b in m]
        kappas.append(cohen_kappa_score([m[a] for m in shared], [m[b] for m in shared]))
    assert agreement.rows[k].cohen.value == pytest.approx(np.mean(kappas))
    assert agreement.rows[k].pairs == len(kappas) == 10


def test_many_raters_who_share_few_clips_have_an_interval_around_the_value(tmp_path: Path) -> None:
    """In plain resamples Cohen's kappa of small tables is nearly always lower than in the data."""
    random, lines, scores = np.random.default_rng(0), ["clip,video,rater,awe"], ["clip,awe"]
    for i in range(1500):
        truth = random.random() < 0.2
        scores.append(f"c{i},{random.random():.3f}")
        for rater in random.choice(12, size=3, replace=False):
            lines.append(f"c{i},v{i // 3},r{rater},{int(truth ^ (random.random() < 0.1))}")
    (tmp_path / "r.csv").write_text("\n".join(lines))
    (tmp_path / "s.csv").write_text("\n".join(scores))
    machine, human = read_machine_scores(tmp_path / "s.csv"), read_ratings(tmp_path / "r.csv")
    row = agree(machine, human, replace(QUICK, resamples=200)).rows[0]
    assert row.pairs == 66
    assert row.cohen.low is not None
    assert row.cohen.high is not None
    assert row.cohen.low < row.cohen.value < row.cohen.high
    assert (row.cohen.low + row.cohen.high) / 2 == pytest.approx(row.cohen.value, abs=0.01)
    assert row.fleiss.high - row.fleiss.low == pytest.approx(row.cohen.high - row.cohen.low, rel=0.5)


def test_intervals_are_those_of_whole_videos_drawn_again(world: tuple[Path, Path], agreement: Agreement) -> None:
    plain = Plain(world, NAMES[0])
    videos = sorted(set(plain.video.values()))
    of = {v: [c for c in plain.clips if plain.video[c] == v] for v in videos}
    drawn = []
    for weights in group_resamples(len(videos), QUICK.resamples, QUICK.seed):
        clips = [c for v, times in zip(videos, weights, strict=True) for c in of[v] * int(times)]
        drawn.append(plain.r(clips))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert agreement.rows[0].correlation.low == pytest.approx(low)
    assert agreement.rows[0].correlation.high == pytest.approx(high)
    mean = agreement.mean.correlation
    assert mean.value == pytest.approx(np.mean([r.correlation.value for r in agreement.rows]))


@pytest.mark.parametrize("k", range(2))
def test_no_clip_is_scored_at_a_threshold_it_helped_to_choose(
    world: tuple[Path, Path], agreement: Agreement, k: int
) -> None:
    plain, row = Plain(world, NAMES[k]), agreement.rows[k]
    majority = {c: sum(plain.marks[c].values()) >= 2 for c in plain.clips}
    on = hits = 0
    folds = make_folds(dict.fromkeys(plain.video.values(), 12), 5, seed=0)
    for fold, used in zip(folds, row.held_out, strict=True):
        other_clips = [c for c in plain.clips if plain.video[c] not in fold.held_out]
        chosen = operating_point([plain.score[c] for c in other_clips], [majority[c] for c in other_clips])
        assert chosen is not None
        assert used == chosen.threshold
        accepted = [c for c in plain.clips if plain.video[c] in fold.held_out and plain.score[c] >= used]
        on, hits = on + len(accepted), hits + sum(majority[c] for c in accepted)
    assert row.on == on
    assert row.precision.value == pytest.approx(hits / on)
    assert row.recall.value == pytest.approx(hits / sum(majority.values()))
    every = operating_point([plain.score[c] for c in plain.clips], [majority[c] for c in plain.clips])
    assert every is not None
    assert row.threshold == every.threshold


def test_the_order_of_lines_changes_nothing(world: tuple[Path, Path], agreement: Agreement, tmp_path: Path) -> None:
    for path in world:
        head, *lines = path.read_text().splitlines()
        np.random.default_rng(4).shuffle(lines)
        (tmp_path / path.name).write_text("\n".join([head, *lines]))
    again = agree(read_machine_scores(tmp_path / "scores.csv"), read_ratings(tmp_path / "ratings.csv"), QUICK)
    assert again == agreement


def test_by_person_whole_persons_are_drawn_and_held_out(tmp_path: Path) -> None:
    lines = ["clip,video,rater,person,amusement"]
    scores = ["clip,amusement"]
    random = np.random.default_rng(0)
    for i in range(60):
        lines.append(f"c{i},v{i},a,p{i % 4},{int(random.random() < 0.5)}")
        scores.append(f"c{i},{random.random():.3f}")
    (tmp_path / "r.csv").write_text("\n".join(lines))
    (tmp_path / "s.csv").write_text("\n".join(scores))
    machine, human = read_machine_scores(tmp_path / "s.csv"), read_ratings(tmp_path / "r.csv")
    people = agree(machine, human, replace(QUICK, resample_by="person"))
    assert people.units == 4
    assert len(people.rows[0].held_out) == 4
    assert "4 persons: intervals over so few are too narrow" in people.notes
    assert agree(machine, human, QUICK).units == 60


def small(tmp_path: Path, scores: str, ratings: str, **more: object) -> Agreement:
    (tmp_path / "s.csv").write_text(scores)
    (tmp_path / "r.csv").write_text(ratings)
    config = replace(AgreeConfig(resamples=5, min_shared_clips=1), **more)  # type: ignore[arg-type]
    return agree(read_machine_scores(tmp_path / "s.csv"), read_ratings(tmp_path / "r.csv"), config)


def test_what_is_not_defined_is_none_and_said(tmp_path: Path) -> None:
    scores = "clip,amusement,surprise\na,0.9,0.5\nb,0.2,0.5\nc,0.6,0.5\n"
    ratings = "clip,rater,amusement,surprise,awe\na,1,1,0,1\nb,1,0,0,0\nc,1,1,0,\n"
    agreement = small(tmp_path, scores, ratings)
    amusement, surprise = agreement.rows
    assert surprise.precision.value is surprise.recall.value is surprise.correlation.value is None
    assert surprise.threshold is None
    assert amusement.correlation.value == pytest.approx(pearsonr([0.9, 0.2, 0.6], [1, 0, 1])[0])
    for reliability in ("fleiss", "krippendorff", "cohen", "rater", "machine"):
        assert getattr(amusement, reliability).value is None
    assert agreement.mean.correlation.value == amusement.correlation.value  # the undefined are left out of the mean
    for line in (
        "one rater only: agreement between people is undefined",
        "rated but not scored, left out: awe",
        "nobody saw it, so precision and recall are undefined: surprise",
        "score or rating never changes, so r is undefined: surprise",
        "3 videos: intervals over so few are too narrow",
    ):
        assert line in agreement.notes
    assert "nan" not in as_text(agreement).lower()
    assert "Fleiss" not in as_text(agreement)


def test_one_video_has_no_interval_and_no_threshold_of_others(tmp_path: Path) -> None:
    scores = "clip,awe\na,0.9\nb,0.2\nc,0.6\n"
    ratings = "clip,video,rater,awe\na,v,1,1\na,v,2,1\nb,v,1,0\nb,v,2,1\nc,v,1,1\n"
    agreement = small(tmp_path, scores, ratings)
    assert agreement.rows[0].precision.value is None
    assert agreement.rows[0].correlation.low is None
    assert agreement.each_clip == (1, 2)
    assert "thresholds cannot be chosen on another video: set them (--thresholds)" in agreement.notes
    preset = small(tmp_path, scores, ratings, thresholds={"awe": 0.5})
    assert (preset.rows[0].precision.value, preset.rows[0].recall.value) == (1, 1)
    assert preset.rows[0].held_out == (0.5,)


def test_positives_in_one_video_only(tmp_path: Path) -> None:
    """Without that video there are no positives to choose a threshold by; its own threshold must not be used."""
    scores = "clip,awe\n" + "".join(f"{c},0.{c}\n" for c in range(1, 7))
    ratings = "clip,video,rater,awe\n" + "".join(f"{c},v{c % 3},1,{int(c % 3 == 0)}\n" for c in range(1, 7))
    agreement = small(tmp_path, scores, ratings, folds=3)
    row = agreement.rows[0]
    assert sum(t is None for t in row.held_out) == 1
    assert row.recall.value is None  # no positive is left to be found
    assert row.precision.value == 0
    assert any("no positives to choose a threshold by" in n for n in agreement.notes)


def test_an_interval_of_one_value_is_no_certainty(tmp_path: Path) -> None:
    """All positives are in one video: recall is the same in every resample, or undefined."""
    ratings = "clip,video,rater,gender,awe\n" + "".join(f"a{i},v0,1,woman,1\n" for i in range(3))
    ratings += "".join(f"b{i},v{1 + i % 3},1,man,0\n" for i in range(9))
    scores = "clip,awe\na0,0.9\na1,0.8\na2,0.1\n" + "".join(f"b{i},0.{i}\n" for i in range(9))
    agreement = small(tmp_path, scores, ratings, thresholds={"awe": 0.55}, resamples=100)
    row = agreement.rows[0]
    assert row.recall.value == pytest.approx(2 / 3)
    assert (row.recall.low, row.recall.high) == (None, None)
    assert row.precision.value == pytest.approx(2 / 5)
    assert row.precision.low is not None
    assert row.precision.low < 0.4 < row.precision.high  # of several videos
    matching_notes = [
        n for n in agreement.notes if n.startswith("no interval where every resample gives the same number")
    ]
    assert len(matching_notes) == 1
    assert "awe recall;" in matching_notes[0]
    assert "66.7 … 66.7" not in as_text(agreement)


def test_clips_in_which_nobody_was_seen(tmp_path: Path) -> None:
    scores = "clip,valid,awe\na,true,0.9\nb,false,\nc,true,0.1\nd,true,0.8\n"
    ratings = "clip,rater,awe\na,1,1\nb,1,1\nc,1,0\nd,1,1\ne,1,1\n"
    masked = small(tmp_path, scores, ratings, thresholds={"awe": 0.5})
    zeros = small(tmp_path, scores, ratings, thresholds={"awe": 0.5}, missing_scores="zeros")
    assert (masked.clips, masked.rows[0].recall.value) == (3, 1)
    assert zeros.clips == 4
    assert zeros.rows[0].recall.value == pytest.approx(2 / 3)
    assert "1 rated clips that are not in the machine's table are left out" in masked.notes
    assert "1 clips in which the machine saw nobody are left out" in masked.notes
    assert "1 clips in which the machine saw nobody are scored 0" in zeros.notes


@pytest.mark.parametrize(
    ("scores", "ratings", "more", "message"),
    [
        ("clip,awe\na,0.5\n", "clip,rater,pain\na,1,1\n", {}, "no expression in common: awe against pain"),
        (
            "clip,awe\na,0.5\n",
            "clip,rater,awe\nb,1,1\n",
            {},
            "no clip in common: rated is b …, the machine's table has a …",
        ),
        (
            "clip,awe\na,0.5\n",
            "clip,rater,awe\na,1,1\n",
            {"resample_by": "person"},
            "no column person that names anybody",
        ),
        ("clip,awe\na,0.5\n", "clip,rater,awe\na,1,1\n", {"thresholds": {"joy": 1.0}}, "no expression 'joy' to set"),
    ],
)
def test_what_cannot_be_compared(tmp_path: Path, scores: str, ratings: str, more: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        small(tmp_path, scores, ratings, **more)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"merge": "most"}, "merge must be one of majority, any, mean, got 'most'"),
        ({"resample_by": "rater"}, "resample_by must be one of video, person"),
        ({"missing_scores": "no"}, "missing_scores must be one of"),
        ({"span": "max"}, "span must be one of mean, last"),
        ({"target_precision": 0.0}, "target_precision must be above 0"),
        ({"folds": 1}, "folds must be at least 2"),
        ({"thresholds": {"awe": 2.0}}, "thresholds.awe must be at most 1"),
    ],
)
def test_settings_that_make_no_sense(more: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AgreeConfig(**more)
