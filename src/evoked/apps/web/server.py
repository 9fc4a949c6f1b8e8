"""Run an app: one process, a port that is checked first, connections that may neither be many nor dawdle."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from evoked.core.errors import EvokedError

__all__ = ["MAX_CONNECTIONS", "is_loopback", "run_server"]

MAX_CONNECTIONS = 500
HEADER_S = 10.0
"""Seconds a connection may take until the headers of a request are complete."""
IDLE_S = 20
"""Seconds for which a connection without a request is kept: about as long as people take for one answer."""
SHUTDOWN_S = 5


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server at this address."""
    return host in ("127.0.0.1", "::1", "localhost")


def run_server(app: FastAPI, host: str, port: int, *, started: Callable[[str], None]) -> None:
    """Serve an app until the process is interrupted.

    Args:
        app: of `create_app`.
        host: address to listen at; 0.0.0.0: all of this machine's.
        port: 0: any that is free.
        started: called with the address (http://HOST:PORT) once connections are accepted.

    Raises:
        EvokedError: if the address cannot be used.
    """
    listener = _listen(host, port)
    with listener:
        name = f"[{host}]" if ":" in host else host
        started(f"http://{name}:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            app,
            http=_PatientProtocol,
            ws="none",
            log_config=None,
            access_log=False,  # it would keep the addresses of people
            server_header=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EvokedError(f"cannot serve at {host}:{port}: {reason}. Choose another --port or --host") from error
    return listener


class _PatientProtocol(H11Protocol):
    """Closes a connection whose request does not arrive: uvicorn waits for headers without end."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if str(self.conn.their_state) != "IDLE":  # the headers are complete
            self._stop()
        elif self._timer is None and not self.transport.is_closing():
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEADER_S, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
