"""Limits of what a request may carry, and how slowly."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BodyLimits", "LimitedBody"]


@dataclass(frozen=True)
class BodyLimits:
    """How large a request may be, and how slow.

    Attributes:
        max_bytes: of a request to a path that `paths` does not name.
        paths: path → bytes that a request to it may have.
        idle_s: seconds without a byte after which a request is given up.
    """

    max_bytes: int = 1 << 16
    paths: Mapping[str, int] = field(default_factory=dict)
    idle_s: float = 20.0


class LimitedBody:
    """Refuses a request whose body is larger (413) or slower (408) than the limits; the stated length is not believed.

    Args:
        app: what is asked for the answer.
        limits: of the requests.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.limits.paths.get(scope["path"], self.limits.max_bytes)
        if _stated(scope) > most:
            await JSONResponse({"detail": _too_large(most)}, status_code=413)(scope, receive, send)
            return
        await self.app(scope, self._counted(receive, most), send)

    def _counted(self, receive: Receive, most: int) -> Receive:
        seen, whole = 0, False

        async def counted() -> Message:
            nonlocal seen, whole
            if whole:  # what comes now is the end of the connection: that may take its time
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self.limits.idle_s)
            except TimeoutError:
                raise HTTPException(408, f"no byte for {self.limits.idle_s:g} s: send the request again") from None
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                whole = not message.get("more_body", False)
            if seen > most:
                raise HTTPException(413, _too_large(most))
            return message

        return counted


def _stated(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _too_large(most: int) -> str:
    size = f"{most / 1e6:g} MB" if most >= 1e6 else f"{most} bytes"
    return f"the request is larger than {size}, the limit of this server"
