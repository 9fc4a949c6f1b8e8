"""The rating server's API: sessions, consent, clips of one's own, and nothing that others may not see."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rated_study import make_study
from rating_server import Client, RatingServer, rating_server

from evoked.apps.rating.config import PlanConfig, RateServerConfig
from evoked.apps.web.sessions import Signer, read_secret
from evoked.core.errors import OutputError


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RatingServer]:
    study = make_study(tmp_path_factory.mktemp("api") / "study", "anna.mp4")
    with rating_server(study, 6, PlanConfig(clips=4), RateServerConfig(ahead=2)) as server:
        yield server


def answer(clip: int, key: str, *present: str) -> dict[str, object]:
    return {"clip": clip, "submission": f"submission {key}", "present": present, "cannot_tell": False, "seconds": 1.5}


def test_a_session_begins_with_a_valid_invitation_and_consent(served: RatingServer) -> None:
    client = Client(served.port)
    for path in ("/api/state", "/media/x"):
        assert client.ask("GET", path)[0] == 401
    assert client.ask("POST", "/api/session", {"token": served.tokens[0] + "x"})[0] == 401
    status, _, headers = client.ask("POST", "/api/session", {"token": served.tokens[0]})
    assert status == 204
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(headers["set-cookie"].split("; "))
    for path in ("/api/clips", "/api/ratings", "/api/undo"):
        body = answer(1, "early") if path.endswith("ratings") else {"submission": "undo undo"}
        assert client.ask("POST", path, body)[0] == 403
    assert client.ask("POST", "/api/consent", {"version": "another"})[0] == 409
    client.enter(served.tokens[0])
    assert client.ask("GET", "/api/state")[1]["consented"] is True
    tampered = client.cookie[:-2] + "xx"
    assert Client(served.port, tampered).ask("GET", "/api/state")[0] == 401


def test_a_clip_is_seen_by_its_rater_alone_and_in_ranges(served: RatingServer) -> None:
    anna, ben = (Client(served.port).enter(served.tokens[k]) for k in (1, 2))
    first, second = anna.ask("POST", "/api/clips", {})[1]["clips"]
    status, whole, headers = anna.ask("GET", f"/{first['address']}")
    assert (status, headers["content-type"], whole[4:8]) == (200, "video/mp4", b"ftyp")
    assert headers["cache-control"].startswith("private")
    status, part, headers = anna.ask("GET", f"/{first['address']}", Range="bytes=100-199")
    assert (status, part, headers["content-range"]) == (206, whole[100:200], f"bytes 100-199/{len(whole)}")
    assert ben.ask("GET", f"/{first['address']}")[0] == 404
    assert Client(served.port).ask("GET", f"/{first['address']}")[0] == 401
    for address in (
        "media/1",
        f"{second['address']}x",
        "media/..%2f..%2fsecret",
        "static/..%2f..%2fapp.py",
        "static/x",
    ):
        assert anna.ask("GET", f"/{address}")[0] == 404


def test_answers_are_kept_once_and_others_of_the_clip_are_refused(served: RatingServer) -> None:
    client = Client(served.port).enter(served.tokens[3])
    held = client.ask("POST", "/api/clips", {})[1]["clips"]
    given = answer(held[0]["clip"], "first", "amusement")
    status, following, _ = client.ask("POST", "/api/ratings", given)
    assert (status, following["answered"], following["feedback"]) == (200, 1, None)
    assert following["clips"][0]["clip"] == held[1]["clip"]
    assert client.ask("POST", "/api/ratings", given)[1]["answered"] == 1
    assert client.ask("POST", "/api/ratings", answer(held[0]["clip"], "second"))[0] == 409
    assert client.ask("POST", "/api/ratings", answer(999, "none"))[0] == 409
    status, back, _ = client.ask("POST", "/api/undo", {"submission": "take it back"})
    assert (status, back["answered"], back["clips"][0]["clip"]) == (200, 0, held[0]["clip"])
    assert served.rows(3) == 2


@pytest.mark.parametrize(
    "change",
    [
        *({"clip": 0}, {"clip": "1; drop table"}, {"present": ["rage"]}, {"present": [{}]}, {"cannot_tell": "perhaps"}),
        *({"seconds": -1}, {"seconds": 1e9}, {"submission": "x"}, {"present": ["amusement"], "cannot_tell": True}),
    ],
)
def test_what_is_no_answer_is_refused(served: RatingServer, change: dict[str, object]) -> None:
    client = Client(served.port).enter(served.tokens[4])
    (first, *_) = client.ask("POST", "/api/clips", {})[1]["clips"]
    status, told, _ = client.ask("POST", "/api/ratings", answer(first["clip"], "wrong") | change)
    assert (status, "detail" in told) == (422, True)
    assert served.rows(4) == 0


def test_requests_of_other_sites_and_large_ones_are_refused(served: RatingServer) -> None:
    client = Client(served.port).enter(served.tokens[5])
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Host": "evil.example"}):
        assert client.ask("POST", "/api/clips", {}, **headers)[0] == 403
    assert client.ask("POST", "/api/session", {"token": "x" * 70_000})[0] == 413


def test_the_page_asks_for_nothing_from_elsewhere(served: RatingServer) -> None:
    _, page, headers = Client(served.port).ask("GET", "/")
    assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
    script, style = (Client(served.port).ask("GET", f"/static/rating.{kind}")[1] for kind in ("js", "css"))
    for text in (page, script, style):
        assert b"http:" not in text
        assert b"https:" not in text
    assert len(page) + len(script) + len(style) < 60_000
    english, german = (Client(served.port).ask("GET", f"/static/texts.{k}.json")[1] for k in ("en", "de"))
    assert (set(english), set(english["expressions"])) == (set(german), set(german["expressions"]))


def test_signed_values_expire_and_are_for_one_purpose(tmp_path: Path) -> None:
    secret = read_secret(tmp_path / "a" / "secret")
    assert read_secret(tmp_path / "a" / "secret") == secret
    assert (tmp_path / "a" / "secret").stat().st_mode & 0o077 == 0
    signer, signed = Signer(secret, "clip"), Signer(secret, "clip").sign([1, 2])
    assert signer.read(signed, 60) == [1, 2]
    assert Signer(secret, "session").read(signed, 60) is None
    assert Signer("another", "clip").read(signed, 60) is None
    time.sleep(1.1)
    assert signer.read(signed, 0) is None
    assert signer.read(json.dumps([1, 2]), 60) is None


def test_a_secret_that_is_half_written_signs_nothing(tmp_path: Path) -> None:
    for text in ("", "short\n"):
        (tmp_path / "secret").write_text(text)
        with pytest.raises(OutputError, match="holds no secret: delete it"):
            read_secret(tmp_path / "secret")
    (tmp_path / "secret").unlink()
    assert read_secret(tmp_path / "secret") == read_secret(tmp_path / "secret")
