"""Many raters at a fixed rate, and a writer that is killed: every acknowledged answer is there, once."""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from rating_server import running

from evoked.apps.rating.app import rating_app
from evoked.apps.rating.config import PlanConfig, RateServerConfig
from evoked.apps.rating.invitations import invite
from evoked.apps.rating.plan import PlannedClip
from evoked.apps.rating.store import migrate, write_plan
from evoked.apps.rating.tables import assignments, ratings
from evoked.apps.web.database import open_database, sqlite_url
from rating_load import NAMES, faults, prepare, run_load


def test_under_load_every_clip_has_its_raters_and_no_answer_is_lost(tmp_path: Path) -> None:
    study = tmp_path / "study"
    engine, tokens = prepare(study, None, clips=40, raters=12, repeats=3)
    config, url = RateServerConfig(cut_ahead=False), sqlite_url(study / "rating" / "ratings.sqlite")
    with running(rating_app(study, config, database=url, public_url="http://127.0.0.1:8081")) as port:
        load = asyncio.run(run_load(port, tokens, rate=400, seed=1))
    assert faults(engine, load, clips=40, repeats=3) == []
    assert (len(load.acknowledged), sum(load.refused.values())) == (120, 0)
    load.acknowledged.append((1, 99))
    assert faults(engine, load, clips=40, repeats=3) == ["1 acknowledged answers are lost"]
    engine.dispose()


def kill_while_writing(folder: Path, times: int) -> None:
    """Kill a writer so many times at a random moment, and look at the store after each."""
    url = sqlite_url(folder / "ratings.sqlite")
    engine = open_database(url)
    migrate(engine)
    drawn = [PlannedClip("r.mp4", "v1", 3 * i, 3 * i + 3, 1.0, (0, 0, 9, 9)) for i in range(60)]
    acknowledged: set[tuple[int, int]] = set()
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        write_plan(connection, drawn, [], NAMES, PlanConfig(repeats=min(times, 100)), 60)
        invite(connection, times)
    draw = random.Random(0)
    for rater in range(1, times + 1):
        command = [sys.executable, Path(__file__).with_name("rating_process.py"), url, str(rater)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            seen = [int(process.stdout.readline()) for _ in range(draw.randint(1, 25))]
            process.kill()
            seen += [int(line) for line in process.stdout.read().split()]  # what it had acknowledged before it died
        acknowledged |= {(clip, rater) for clip in seen}
        with engine.connect() as connection:
            rows = connection.execute(sa.select(ratings.c.clip, ratings.c.rater, ratings.c.id)).all()
            query = sa.select(assignments.c.rating).where(assignments.c.rating.is_not(None))
            counting = set(connection.execute(query).scalars())
        kept = Counter((row.clip, row.rater) for row in rows)
        assert acknowledged <= set(kept)
        assert set(kept.values()) == {1}
        assert {row.id for row in rows} == counting
    engine.dispose()


def test_a_writer_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    kill_while_writing(tmp_path, 2)


@pytest.mark.full
def test_a_writer_that_is_killed_200_times_loses_nothing(tmp_path: Path) -> None:
    kill_while_writing(tmp_path, 200)
