"""A rating server in this process, for tests that ask it as a browser does."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI

from evoked.apps.rating.app import rating_app
from evoked.apps.rating.config import PlanConfig, RateServerConfig
from evoked.apps.rating.invitations import invite
from evoked.apps.rating.new_plan import make_plan
from evoked.apps.rating.store import migrate
from evoked.apps.rating.tables import assignments, ratings
from evoked.apps.web.database import GroupWriter, open_database, sqlite_url

__all__ = ["Client", "RatingServer", "rating_server", "running"]


@dataclass
class RatingServer:
    """A running server with a plan."""

    port: int
    engine: sa.Engine
    tokens: list[str]

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def link(self, number: int) -> str:
        """The link of an invitation."""
        return f"{self.url}#{self.tokens[number]}"

    def kept(self, number: int) -> list[tuple[int, tuple[str, ...], bool]]:
        """Clip, expressions, cannot tell of each answer of an invited rater that counts, in order."""
        query = sa.select(ratings).join(assignments, assignments.c.rating == ratings.c.id)
        with self.engine.connect() as connection:
            rows = connection.execute(query.where(ratings.c.rater == number + 1).order_by(ratings.c.id)).all()
        return [(row.clip, tuple(row.present), row.cannot_tell) for row in rows]

    def rows(self, number: int) -> int:
        """How many rows of answers a rater has, taken back or not."""
        query = sa.select(sa.func.count()).select_from(ratings).where(ratings.c.rater == number + 1)
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())


@dataclass
class Client:
    """Asks the server as one rater's browser."""

    port: int
    cookie: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Cookie": self.cookie, **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            text, got = answer.read(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()
        if "set-cookie" in got:
            self.cookie = got["set-cookie"].partition(";")[0]
        return answer.status, json.loads(text) if got.get("content-type") == "application/json" and text else text, got

    def enter(self, token: str) -> "Client":
        """Open a session and consent."""
        assert self.ask("POST", "/api/session", {"token": token})[0] == 204
        version = self.ask("GET", "/api/state")[1]["consent_version"]
        assert self.ask("POST", "/api/consent", {"version": version})[0] == 204
        return self


@contextmanager
def rating_server(
    study: Path, raters: int, plan: PlanConfig, config: RateServerConfig | None = None, **given: Path
) -> Iterator[RatingServer]:
    """Draw a plan in a study, invite raters and serve it."""
    (study / "rating").mkdir()
    url = sqlite_url(study / "rating" / "ratings.sqlite")
    engine = open_database(url)
    migrate(engine)
    writer = GroupWriter(engine)
    make_plan(writer, study, plan, **given)
    tokens = [token for _, token in writer.submit(lambda c: invite(c, raters)).result()]
    writer.close()
    app = rating_app(study, config or RateServerConfig(), database=url, public_url="http://127.0.0.1:8081/")
    with running(app) as port:
        yield RatingServer(port, engine, tokens)
    engine.dispose()


@contextmanager
def running(app: FastAPI) -> Iterator[int]:
    """Serve an app in a thread; gives the port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, server_header=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
        assert thread.is_alive()
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
