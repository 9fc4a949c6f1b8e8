"""The store, on SQLite and, where it can be started, on PostgreSQL: who gets which clip, and what is kept."""

import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgresql import postgresql, why_none

from evoked.apps.rating.config import PlanConfig
from evoked.apps.rating.export import merged_rows, rating_rows, rating_status, table_text
from evoked.apps.rating.invitations import (
    add_consent,
    forget_rater,
    has_consented,
    invite,
    rater_of_token,
    revoke_invitation,
)
from evoked.apps.rating.plan import PlannedClip
from evoked.apps.rating.store import Answer, hold_clips, migrate, read_plan, submit, undo, write_plan
from evoked.apps.rating.tables import assignments, clips, raters, ratings
from evoked.apps.web.database import GroupWriter, open_database, sqlite_url
from evoked.core.errors import DatasetError, EvokedError, OutputError
from evoked.dataset.ratings import read_ratings

NAMES = ("amusement", "surprise")


class Store:
    """A store with a plan, and a writer."""

    def __init__(self, url: str, count: int = 4, training: int = 0, repeats: int = 3) -> None:
        self.engine = open_database(url)
        migrate(self.engine)
        self.writer = GroupWriter(self.engine)
        drawn = [PlannedClip(f"{i % 2}.mp4", "v1", 3 * i, 3 * i + 3, 0.5, (0, 0, 9, 9)) for i in range(count)]
        shown = [
            (PlannedClip("t.mp4", "v1", 3 * i, 3 * i + 3, 1, (0, 0, 9, 9)), ("surprise",)) for i in range(training)
        ]
        config = PlanConfig(repeats=repeats)
        self.run(lambda c: write_plan(c, drawn, shown, NAMES, config, 100))

    def run(self, change):  # type: ignore[no-untyped-def]
        return self.writer.submit(change).result(60)

    def invite(self, count: int) -> list[int]:
        """Numbers of new raters."""
        tokens = self.run(lambda c: invite(c, count))
        return [self.run(lambda c, t=token: rater_of_token(c, t))[0] for _, token in tokens]

    def hold(self, rater: int, count: int = 1, now: float | None = None) -> list[int]:
        return [held.clip for held in self.run(lambda c: hold_clips(c, rater, count, 60, now))]

    def answer(self, rater: int, clip: int, key: str, *present: str, cannot_tell: bool = False) -> None:
        self.run(lambda c: submit(c, rater, Answer(clip, key, present, cannot_tell, 2.5, "v1")))

    def counting(self) -> list[tuple[int, int, tuple[str, ...]]]:
        """Clip, rater and expressions of each answer that counts."""
        query = sa.select(ratings).join(assignments, assignments.c.rating == ratings.c.id)
        with self.engine.connect() as connection:
            return [(r.clip, r.rater, tuple(r.present)) for r in connection.execute(query.order_by(ratings.c.id))]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A PostgreSQL server of one's own."""
    if reason := why_none():
        pytest.skip(reason)
    with postgresql() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "ratings.sqlite")
    server: str = request.getfixturevalue("server")
    name = f"r{uuid.uuid4().hex}"
    engine = sa.create_engine(server.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.format(name)


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    made = Store(address)
    yield made
    made.writer.close()
    made.engine.dispose()


def test_each_clip_is_rated_by_so_many_different_raters(store: Store) -> None:
    for rater in store.invite(5):
        while held := store.hold(rater, 3):
            store.answer(rater, held[0], f"{rater}-{held[0]}", "amusement")
    counts = Counter(clip for clip, _, _ in store.counting())
    assert dict(counts) == {1: 3, 2: 3, 3: 3, 4: 3}
    assert len({(clip, rater) for clip, rater, _ in store.counting()}) == 12


def test_an_answer_that_is_sent_again_is_kept_once(store: Store) -> None:
    rater, other = store.invite(2)
    (clip,) = store.hold(rater)
    for _ in range(3):
        store.answer(rater, clip, "key", "surprise")
    assert store.counting() == [(clip, rater, ("surprise",))]
    with pytest.raises(DatasetError, match="another rater sent this submission"):
        store.answer(other, clip, "key")
    with pytest.raises(DatasetError, match="you rated this clip already"):
        store.answer(rater, clip, "another key")
    (following,) = store.hold(rater)
    for present, cannot_tell in ((("rage",), False), (("surprise",), True)):
        with pytest.raises(ValueError, match="present must hold expressions of the plan"):
            store.answer(rater, following, "k", *present, cannot_tell=cannot_tell)


def test_undo_gives_the_clip_back_and_keeps_both_rows(store: Store) -> None:
    rater = store.invite(1)[0]
    held = store.hold(rater, 2)
    store.answer(rater, held[0], "a", "surprise")
    store.answer(rater, held[1], "b", "amusement")
    for _ in range(2):  # sent again, it takes no more back
        assert store.run(lambda c: undo(c, rater, "c", "v1", 60)) == held[1]
    assert store.counting() == [(held[0], rater, ("surprise",))]
    assert held[1] in store.hold(rater, 1)
    store.answer(rater, held[1], "d")
    assert store.counting() == [(held[0], rater, ("surprise",)), (held[1], rater, ())]
    with store.engine.connect() as connection:
        rows = connection.execute(sa.select(ratings.c.submission, ratings.c.undo).order_by(ratings.c.id)).all()
    assert [tuple(row) for row in rows] == [("a", False), ("b", False), ("c", True), ("d", False)]


def test_a_clip_that_is_not_answered_goes_to_others_and_a_late_answer_counts_where_there_is_room(store: Store) -> None:
    slow, *others = store.invite(4)
    assert store.hold(slow, 1, now=1000) == [1]
    for rater in others:
        assert store.hold(rater, 1, now=1030) == ([1] if rater in others[:2] else [2])  # three hold it
    assert store.hold(others[2], 2, now=1070) == [2, 1]  # 60 s are over: it is free again
    store.answer(others[0], 1, "a")
    with pytest.raises(DatasetError, match="this clip went to somebody else meanwhile"):
        store.answer(slow, 1, "late")
    assert store.hold(others[0], 1, now=5000) == [2]  # what the others held is free
    store.answer(slow, 1, "later")
    assert [(clip, rater) for clip, rater, _ in store.counting()] == [(1, others[0]), (1, slow)]


def test_the_training_round_comes_first_and_is_not_exported(address: str) -> None:
    store = Store(address, count=1, training=2)
    for rater in store.invite(4):
        held = store.run(lambda c, r=rater: hold_clips(c, r, 3, 60))
        assert [h.training for h in held[:2]] == [("surprise",), ("surprise",)]  # for each rater
        assert len(held) == (3 if rater < 4 else 2)
        for h in held:
            store.answer(rater, h.clip, f"{rater}-{h.clip}", "amusement")
    with store.engine.connect() as connection:
        assert len(rating_rows(connection)[1]) == 3
        plan = read_plan(connection)
    assert (plan.clips, plan.training, plan.expressions) == (1, 2, NAMES)
    store.writer.close()
    store.engine.dispose()


def test_what_is_exported_is_what_agree_reads(store: Store, tmp_path: Path) -> None:
    first, second, third = store.invite(3)
    marks = {first: ("amusement",), second: ("amusement", "surprise"), third: ()}
    for rater, present in marks.items():
        (clip,) = store.hold(rater)
        store.answer(rater, clip, f"k{rater}", *present)
    (clip,) = store.hold(first)
    store.answer(first, clip, "cannot", cannot_tell=True)
    with store.engine.connect() as connection:
        text, status = table_text(rating_rows(connection)), rating_status(connection)
    assert text.splitlines()[:2] == [
        "video,start_s,end_s,viewer,rater,amusement,surprise,cannot_tell,sampling_probability",
        "0.mp4,0,3,v1,r001,1,0,0,0.5",
    ]
    (tmp_path / "ratings.csv").write_text(text)
    table = read_ratings(tmp_path / "ratings.csv")
    assert table.merged().tolist()[0] == [1, 0]
    assert table.weights.tolist() == [2, 2]
    assert merged_rows(table, "mean")[1][0][4:] == ("0.666667", "0.333333", "0.5")
    assert merged_rows(table, "any")[1][1][4:6] == ("", "")  # nobody could tell
    assert 0 < float(str(merged_rows(table, "dawid-skene")[1][0][4])) <= 1
    assert (status.ratings, status.cannot_tell, status.complete, status.clips) == (4, 1, 1, 4)
    assert status.raters["r001"] == (2, 2.5)
    assert status.expressions["amusement"][0] == pytest.approx(2 / 3)


def test_a_rater_who_is_forgotten_leaves_nothing_but_free_slots(store: Store) -> None:
    first, second = store.invite(2)
    for rater in (first, second):
        for clip in store.hold(rater, 2):
            store.answer(rater, clip, f"{rater}-{clip}")
    assert store.run(lambda c: forget_rater(c, "r001")) == 2
    with store.engine.connect() as connection:
        for table in (ratings, assignments):
            assert set(connection.execute(sa.select(table.c.rater)).scalars()) == {second}
        assert connection.execute(sa.select(raters.c.pseudonym)).scalars().all() == ["r002"]
        assert connection.execute(sa.select(clips.c.open)).scalars().all() == [True] * 4
    with pytest.raises(DatasetError, match="no rater 'r001'"):
        store.run(lambda c: forget_rater(c, "r001"))


def test_the_number_of_a_rater_who_is_forgotten_is_nobody_elses(store: Store) -> None:
    (last,) = store.invite(2)[1:]
    store.run(lambda c: forget_rater(c, "r002"))
    assert store.invite(1)[0] > last  # a session is signed for a number: the old one must open nothing
    with store.engine.connect() as connection:
        assert connection.execute(sa.select(raters.c.pseudonym)).scalars().all() == ["r001", "r003"]
    store.run(lambda c: c.execute(raters.insert(), {"id": 9, "pseudonym": "r012", "created": ""}))  # imported
    assert [name for name, _ in store.run(lambda c: invite(c, 1))] == ["r013"]


def test_what_is_deleted_is_not_in_the_file(tmp_path: Path) -> None:
    store = Store(sqlite_url(tmp_path / "store.sqlite"))
    (rater,) = store.invite(1)
    store.answer(rater, store.hold(rater)[0], "a-submission")
    store.run(lambda c: forget_rater(c, "r001"))
    store.writer.close()
    store.engine.dispose()
    assert all(b"a-submission" not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_revoked_invitation_opens_no_session_and_its_answers_stay(store: Store) -> None:
    (name, token), _ = store.run(lambda c: invite(c, 2))
    first, second = store.hold(1, 2)
    store.answer(1, first, "key")
    store.run(lambda c: add_consent(c, 1, "v1"))
    assert store.run(lambda c: has_consented(c, 1, "v1"))
    store.run(lambda c: revoke_invitation(c, name))
    assert store.run(lambda c: rater_of_token(c, token)) is None
    assert not store.run(lambda c: has_consented(c, 1, "v1"))
    assert store.counting() == [(first, 1, ())]
    assert second in store.hold(2, 4)


def test_tokens_are_kept_as_digests(store: Store, tmp_path: Path) -> None:
    ((name, token),) = store.run(lambda c: invite(c, 1))
    assert store.run(lambda c: rater_of_token(c, token)) == (1, name)
    assert store.run(lambda c: rater_of_token(c, token + "x")) is None
    assert all(token.encode() not in file.read_bytes() for file in tmp_path.iterdir())


def test_a_store_has_one_plan(store: Store) -> None:
    with pytest.raises(EvokedError, match="there is a rating plan already"):
        store.run(lambda c: write_plan(c, [], [], NAMES, PlanConfig(), 1))
    migrate(store.engine)  # again: nothing to do
    if store.engine.dialect.name == "sqlite":
        with store.engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2
            assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"


def test_many_raters_at_once_and_two_writers_on_one_store(address: str) -> None:
    store = Store(address, count=20)
    other = open_database(address)
    second = GroupWriter(other)  # as another server on the same study
    people, failures = store.invite(12), []

    def rate(rater: int) -> None:
        writer = store.writer if rater % 2 else second
        try:
            while held := writer.submit(lambda c: hold_clips(c, rater, 2, 60)).result(60):
                answer = Answer(held[0].clip, f"{rater}-{held[0].clip}", (), False, 1, "v1")
                writer.submit(lambda c, a=answer: submit(c, rater, a)).result(60)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=rate, args=(rater,)) for rater in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    counts = Counter(clip for clip, _, _ in store.counting())
    assert (len(counts), set(counts.values())) == (20, {3})
    assert len({(clip, rater) for clip, rater, _ in store.counting()}) == 60
    store.writer.close()
    second.close()
    store.engine.dispose()
    other.dispose()


def test_a_change_that_is_given_up_or_mistaken_does_not_end_the_writer(tmp_path: Path) -> None:
    store = Store(sqlite_url(tmp_path / "store.sqlite"))
    begun, go_on = threading.Event(), threading.Event()

    def slow(_connection: sa.Connection) -> bool:
        begun.set()
        return go_on.wait(60)

    def mistaken(connection: sa.Connection) -> None:
        invite(connection, 1)
        raise TypeError("a mistake")

    first = store.writer.submit(slow)
    assert begun.wait(60)
    given_up, wrong = store.writer.submit(lambda c: invite(c, 1)), store.writer.submit(mistaken)
    assert given_up.cancel()
    go_on.set()
    assert first.result(60)
    with pytest.raises(TypeError, match="a mistake"):
        wrong.result(60)
    with pytest.raises(OutputError, match="could not keep it"):
        store.run(lambda c: add_consent(c, 99, "v1"))
    assert [name for name, _ in store.run(lambda c: invite(c, 1))] == ["r001"]
    store.writer.close()
    store.engine.dispose()
