"""evoked serve as a client sees it: a real server process, asked over HTTP."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evoked.prediction.jobs import PredictTask, run_predict_task
from evoked.prediction.writers import prediction_rows
from evoked.weights.cache import CacheLocation, default_cache
from small_model import model_in

TOKEN = "a token that is long enough"
pytestmark = pytest.mark.nets


@dataclass
class Served:
    """A running server."""

    port: int
    folder: Path
    model: Path

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = {"Authorization": f"Bearer {TOKEN}"} | {k.replace("_", "-"): v for k, v in headers.items()}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None, {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def name(self, video: str) -> tuple[int, Any]:
        """Ask for a video of the folder."""
        body = json.dumps({"video": video}).encode()
        return self.ask("POST", "/predictions", body, Content_Type="application/json")[:2]

    def result(self, prediction_id: str) -> Any:
        """The prediction, once it has ended."""
        while True:
            status, answer, _ = self.ask("GET", f"/predictions/{prediction_id}")
            assert status == 200
            if answer["state"] in ("done", "failed"):
                return answer
            time.sleep(0.05)


@pytest.fixture(scope="module")
def video() -> Path:
    return default_cache().clip("bigbuckbunny.mp4")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("serve")
    folder = root / "videos"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "bunny.mp4").symlink_to(folder / "below" / "real.mp4")
    (folder / "below" / "real.mp4").write_bytes(video.read_bytes())
    (root / "secret.mp4").write_bytes(video.read_bytes())
    (folder / "link.mp4").symlink_to(root / "secret.mp4")
    (folder / "linked").symlink_to(root)
    os.mkfifo(folder / "pipe.mp4")
    (folder / "list.mp4").write_text("#EXTM3U\n#EXTINF:5,\n../secret.mp4\n#EXT-X-ENDLIST\n")
    (root / "token").write_text(TOKEN)
    model = model_in(root / "model")
    words = ["serve", "--model", model, "--folder", folder, "--port", 0, "--token-file", root / "token", "--threads", 1]
    command = [sys.executable, "-m", "evoked", *map(str, words), "--max-upload-mb", "2", "--max-queue", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            yield Served(port, folder, model)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def test_a_video_that_is_sent_or_named_gives_the_prediction_of_the_command(served: Served, video: Path) -> None:
    sent, answer, _ = served.ask("POST", "/uploads?name=sent.mp4", video.read_bytes())
    named, other = served.name("below/bunny.mp4")
    assert (sent, named) == (202, 202)
    task = PredictTask(video, served.model, CacheLocation.of(default_cache()), threads=1)
    expected = prediction_rows(run_predict_task(task).track)
    for name, prediction in (("sent.mp4", answer), ("real.mp4", other)):
        done = served.result(prediction["id"])
        assert (done["state"], done["video"], done["error"]) == ("done", name, None)
        assert done["rows"] == expected
        assert name in done["provenance"]["inputs"]
    assert served.ask("DELETE", f"/predictions/{answer['id']}")[0] == 204
    assert served.ask("GET", f"/predictions/{answer['id']}")[0] == 404


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.mp4", "below/../../secret.mp4", "link.mp4", "linked/secret.mp4", "pipe.mp4", "below", "none.mp4"),
        *("", "/etc/passwd", "below\\..\\..\\secret.mp4", "below/bunny.mp4\0", "x" * 3000),
    ],
)
def test_nothing_outside_the_folder_can_be_named(served: Served, name: str) -> None:
    status, answer = served.name(name)
    assert (status, answer) == (404, {"detail": "no such video below the served folder: check its path"})
    absolute = served.name(str(served.folder.parent / "secret.mp4"))
    assert absolute[0] == 404


def test_a_list_of_other_files_is_no_video(served: Served) -> None:
    status, answer = served.name("list.mp4")
    assert (status, "is no MP4" in answer["detail"]) == (400, True)
    text = (served.folder / "list.mp4").read_bytes()
    assert served.ask("POST", "/uploads?name=list.m3u8.mp4", text)[0] == 400


def test_a_video_that_cannot_be_read_fails_with_its_reason(served: Served, video: Path) -> None:
    status, answer, _ = served.ask("POST", "/uploads?name=cut.mp4", video.read_bytes()[:4000])
    assert status == 202
    failed = served.result(answer["id"])
    assert (failed["state"], failed["rows"]) == ("failed", None)
    assert failed["error"].startswith("cut.mp4 ")  # and no path of the server


@pytest.mark.parametrize(
    "name", ["../x.mp4", "a/b.mp4", ".mp4", "x.txt", "a%00.mp4", "", "%FF" * 90 + ".mp4", "a%0Ab.mp4"]
)
def test_a_name_that_is_none_is_refused(served: Served, name: str) -> None:
    assert served.ask("POST", f"/uploads?name={name}", b"x")[0] == 400


def test_a_request_that_is_too_large_is_refused_whatever_it_states(served: Served) -> None:
    assert served.ask("POST", "/uploads?name=x.mp4", bytes(2_000_001))[0] == 413
    chunked = iter([bytes(700_000)] * 3)  # no length is stated
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    connection.request(
        "POST", "/uploads?name=x.mp4", chunked, {"Authorization": f"Bearer {TOKEN}"}, encode_chunked=True
    )
    assert connection.getresponse().status == 413
    connection.close()
    assert served.ask("POST", "/predictions", bytes(70_000))[0] == 413


def test_without_the_token_nothing_is_predicted(served: Served) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
        status, answer, _ = served.ask("POST", "/predictions", b"{}", **headers)
        assert (status, "send the token" in answer["detail"]) == (401, True)
    assert served.ask("GET", "/predictions/x", Authorization="Basic eDp5")[0] == 401
    assert served.ask("GET", "/", Authorization="")[1]["status"] == "ready"


def test_pages_of_other_sites_are_refused(served: Served) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Host": "evil.example"}):
        assert served.ask("POST", "/predictions", b"{}", **headers)[0] == 403
    assert served.ask("GET", "/", Host="evil.example")[0] == 403


def test_every_answer_has_the_security_headers(served: Served) -> None:
    for path in ("/", "/none", "/predictions/x"):
        headers = served.ask("GET", path)[2]
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
        assert "server" not in headers


def test_every_status_that_is_given_is_described(served: Served) -> None:
    described = served.ask("GET", "/openapi.json")[1]["paths"]
    assert set(described) == {"/", "/predictions", "/uploads", "/predictions/{prediction_id}"}
    assert set(described["/uploads"]["post"]["responses"]) == {
        *("202", "400", "401", "408", "413", "422", "503", "507")
    }
    assert set(described["/predictions"]["post"]["responses"]) >= {"202", "400", "401", "404", "413", "422", "503"}


def test_a_port_in_use_is_told_in_a_line(served: Served) -> None:
    words = ["serve", "--model", str(served.model), "--port", str(served.port)]
    ended = subprocess.run([sys.executable, "-m", "evoked", *words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"evoked: cannot serve at 127.0.0.1:{served.port}: Address already in use. " \
        "Choose another --port or --host\n"  # fmt: skip


def test_half_a_request_does_not_stop_the_others(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.sendall(b"POST /predictions HTTP/1.1\r\nHost: localhost\r\n")
        assert served.ask("GET", "/")[0] == 200
