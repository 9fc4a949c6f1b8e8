"""The app factory: every app that evoked serves has the same headers, limits, checks of origin and form of errors."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evoked import __version__
from evoked.apps.web.limits import BodyLimits, LimitedBody
from evoked.core.errors import EvokedError

__all__ = ["ErrorMessage", "create_app", "error_responses"]

_logger = logging.getLogger("evoked")
_SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}
"""Of every response that does not set the header itself."""
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class ErrorMessage(BaseModel):
    """Why a request was refused.

    Attributes:
        detail: one line: what is wrong, and what to do.
    """

    detail: str


def error_responses(reasons: Mapping[int, str]) -> dict[int | str, dict[str, object]]:
    """Responses of a route as FastAPI documents them.

    Args:
        reasons: status → when it is given.

    Returns:
        The argument `responses` of a route.
    """
    return {status: {"model": ErrorMessage, "description": reason} for status, reason in reasons.items()}


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    hosts: Sequence[str],
    body: BodyLimits,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Make an app.

    Its API is described at /openapi.json; there is no page of it, which would load scripts from elsewhere. A request
    that changes something is refused where a page of another origin sent it, and any request for another host name is
    (so that no page reaches a local server under a name of its own).

    Args:
        title: of the API.
        routers: its routes.
        hosts: names under which it may be asked for, without ports, beside those of this machine itself.
        body: limits of what a request may carry.
        lifespan: as FastAPI takes it: what runs from start to end of the server.

    Returns:
        The app.
    """
    app = FastAPI(title=title, version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(EvokedError, _refused)
    app.add_middleware(LimitedBody, limits=body)
    app.add_middleware(_SameOrigin, hosts=(*_LOOPBACK, *hosts))
    app.add_middleware(_SecurityHeaders)
    return app


def _refused(request: Request, error: Exception) -> JSONResponse:
    """An error of the user's as one line; where nobody expected it in a route, it is the server's."""
    _logger.error("%s %s: %s", request.method, request.url.path, error)
    return JSONResponse({"detail": str(error)}, status_code=500)


class _SecurityHeaders:
    """Adds the headers that a response does not have."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                there = {name.lower() for name, _ in headers}
                added = [(n.encode(), v.encode()) for n, v in _SECURITY_HEADERS.items() if n.encode() not in there]
                message = {**message, "headers": [*headers, *added]}
            await send(message)

        await self.app(scope, receive, send_with_headers)


class _SameOrigin:
    """Refuses other host names, and requests that change something from pages of another origin."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app, self.hosts = app, frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (reason := self._reason(scope)):
            await JSONResponse({"detail": reason}, status_code=403)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _reason(self, scope: Scope) -> str | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host = _without_port(headers.get("host", ""))
        if host not in self.hosts:
            return f"this server is not called {host or '(no name)'}: start it with --allow-host and its name"
        if scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") or (
            origin is not None and _without_port(origin.partition("://")[2]) != host
        ):
            return "a page of another site sent this request: open the page of this server instead"
        return None


def _without_port(host: str) -> str:
    """`[::1]:80` → `::1`, `a.org:80` → `a.org`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
