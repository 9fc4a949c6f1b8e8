"""The rating server: the rater's page, its API, and the clips, which only their rater can see."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from evoked.apps.rating.clip_sources import source_of
from evoked.apps.rating.clips import ClipCache, ClipSource
from evoked.apps.rating.config import RateServerConfig
from evoked.apps.rating.export import check_plan_videos
from evoked.apps.rating.invitations import add_consent, has_consented, rater_of_token
from evoked.apps.rating.page_state import PageState, page_state
from evoked.apps.rating.store import Answer, HeldClip, hold_clips, migrate, rater_progress, submit, undo
from evoked.apps.rating.tables import clips, raters
from evoked.apps.web.app import create_app, error_responses
from evoked.apps.web.database import GroupWriter, open_database
from evoked.apps.web.limits import BodyLimits
from evoked.apps.web.sessions import Signer, read_secret
from evoked.core.errors import FILE_ERRORS, DatasetError, OutputError, failure_of
from evoked.core.study_layout import StudyLayout

__all__ = ["rating_app"]

T = TypeVar("T")
_COOKIE, _SESSION_S = "evoked_rater", 30 * 24 * 3600.0
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; media-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_STATIC = {
    "rating.js": "text/javascript",
    "rating.css": "text/css",
    "icon.svg": "image/svg+xml",
    "texts.en.json": "application/json",
    "texts.de.json": "application/json",
}
_NO_SESSION = "there is no session: open the link of your invitation again"
_REFUSALS = {
    401: "there is no session: open the invitation again",
    403: "the consent is missing",
    404: "there is no such clip",
    408: "the request came too slowly",
    409: "the clip was rated by others meanwhile, or by this rater",
    413: "the request is too large",
    422: "the request is none of this interface",
    503: "the database could not keep it, or the clip could not be cut",
}


class Invitation(BaseModel):
    """What an invitation's link holds."""

    token: str = Field(max_length=200)


class Consent(BaseModel):
    """The consent to the text of this version."""

    version: str = Field(max_length=80)


class GivenAnswer(BaseModel):
    """An answer to a clip."""

    clip: int = Field(ge=1, le=2**31 - 1)
    submission: str = Field(min_length=8, max_length=64, description="the same when it is sent again")
    present: list[Annotated[str, Field(max_length=100)]] = Field(max_length=100)
    cannot_tell: bool = False
    seconds: float = Field(ge=0, le=1e6, allow_inf_nan=False)


class TakenBack(BaseModel):
    """The last answer is taken back."""

    submission: str = Field(min_length=8, max_length=64, description="the same when it is sent again")


class ShownClip(BaseModel):
    """A clip that the rater holds: its number, and an address that expires."""

    clip: int
    address: str
    training: bool


class Held(BaseModel):
    """The clips that the rater holds, how many were answered, and in the training round what was present."""

    clips: list[ShownClip]
    answered: int
    feedback: list[str] | None = None


@dataclass(frozen=True, eq=False)
class _Rating:
    """What the routes work with."""

    engine: sa.Engine
    writer: GroupWriter
    cache: ClipCache
    recordings: Path
    config: RateServerConfig
    sessions: Signer
    links: Signer
    cookie_path: str
    secure: bool
    closing: threading.Event = field(default_factory=threading.Event)

    async def write(self, change: Callable[[sa.Connection], T]) -> T:
        """Run a change; HTTPException where it is refused."""
        try:
            return await asyncio.wrap_future(self.writer.submit(change))
        except DatasetError as error:
            raise HTTPException(409, str(error)) from None
        except OutputError as error:
            raise HTTPException(503, str(error)) from None
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    def held(self, rater: int, held: list[HeldClip], answered: int, feedback: tuple[str, ...] | None) -> Held:
        """The clips with their addresses."""
        shown = [
            ShownClip(clip=h.clip, address=f"media/{self.links.sign([h.clip, rater])}", training=h.training is not None)
            for h in held
        ]
        return Held(clips=shown, answered=answered, feedback=None if feedback is None else list(feedback))

    def source(self, clip: int) -> ClipSource | None:
        """What a clip is cut from; None where there is none."""
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(clips).where(clips.c.id == clip)).first()
        return None if row is None else source_of(row, self.recordings)

    def cut_ahead(self) -> None:
        """Cut all clips in the order in which they are handed out, until the server ends."""
        with self.engine.connect() as connection:
            numbers = connection.execute(sa.select(clips.c.id).order_by(~clips.c.practice, clips.c.id)).scalars()
            order = list(numbers)
        for clip in order:
            if self.closing.is_set():
                return
            source = self.source(clip)
            try:
                if source is not None:
                    self.cache.file(source)
            except FILE_ERRORS:  # told when somebody asks for it
                continue


def rating_app(
    study: Path, config: RateServerConfig, *, database: str, public_url: str, hosts: tuple[str, ...] = ()
) -> FastAPI:
    """Make the app of the rating server.

    Args:
        study: folder of the study.
        config: of the handing out.
        database: address of the rating store.
        public_url: where raters find the page; its path is the cookie's, and a proxy takes it away.
        hosts: further names by which the server is reached.

    Returns:
        The app.

    Raises:
        EvokedError: if the study has no plan, a recording is gone, or the store cannot be used.
    """
    layout, url = StudyLayout(study), urlsplit(public_url)
    engine = open_database(database)
    migrate(engine)
    with engine.connect() as connection:
        state = page_state(connection)
        check_plan_videos(connection, layout.reactions_folder)
    secret = read_secret(layout.rating / "secret")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        writer = GroupWriter(engine)
        rating = _Rating(
            engine=engine,
            writer=writer,
            cache=ClipCache(layout.rating / "clips"),
            recordings=layout.reactions_folder,
            config=config,
            sessions=Signer(secret, "session"),
            links=Signer(secret, "clip"),
            cookie_path=url.path.rstrip("/") + "/",
            secure=url.scheme == "https",
        )
        app.state.rating = rating
        cutter = threading.Thread(target=rating.cut_ahead, daemon=True)
        if config.cut_ahead:
            cutter.start()
        try:
            yield
        finally:
            rating.closing.set()
            writer.close()
            if config.cut_ahead:
                await run_in_threadpool(cutter.join)
            engine.dispose()

    names = tuple(name for name in (url.hostname, *hosts) if name)
    routers = [_page_router(), _session_router(state), _answer_router(state), _media_router()]
    return create_app("evoked: rating", routers, hosts=names, body=BodyLimits(), lifespan=lifespan)


def _errors(*statuses: int) -> dict[int | str, dict[str, object]]:
    return error_responses({status: _REFUSALS[status] for status in statuses})


def _rating(request: Request) -> _Rating:
    rating: _Rating = request.app.state.rating
    return rating


_State = Annotated[_Rating, Depends(_rating)]


async def _signed_rater(request: Request, rating: _State) -> int:
    """The rater of the session, by its signature alone; 401 where there is none."""
    value = rating.sessions.read(request.cookies.get(_COOKIE, ""), _SESSION_S)
    if not isinstance(value, int):
        raise HTTPException(401, _NO_SESSION)
    return value


_SignedRater = Annotated[int, Depends(_signed_rater)]


def _rater(rater: _SignedRater, rating: _State) -> int:
    """The rater of the session; 401 where the invitation was revoked."""
    with rating.engine.connect() as connection:
        digest = connection.execute(sa.select(raters.c.token_sha256).where(raters.c.id == rater)).scalar()
    if digest is None:
        raise HTTPException(401, _NO_SESSION)
    return rater


_Rater = Annotated[int, Depends(_rater)]


def _page_router() -> APIRouter:
    router, folder = APIRouter(), resources.files("evoked.apps.rating") / "page"

    @router.get("/", response_class=Response, summary="The page of the rater", include_in_schema=False)
    def page() -> Response:
        text = (folder / "index.html").read_text(encoding="utf-8")
        return Response(text, media_type="text/html", headers={"content-security-policy": _PAGE_POLICY})

    @router.get("/static/{name}", response_class=Response, include_in_schema=False)
    def static(name: str) -> Response:
        if name not in _STATIC:
            raise HTTPException(404, "there is no such file")
        headers = {"cache-control": "no-cache"}
        return Response((folder / name).read_bytes(), media_type=_STATIC[name], headers=headers)

    return router


def _session_router(state: PageState) -> APIRouter:
    router = APIRouter(prefix="/api")

    @router.post("/session", status_code=204, responses=_errors(401, 408, 413))
    async def open_session(invitation: Invitation, response: Response, rating: _State) -> None:
        """Open a session by an invitation; the cookie of the answer is the session."""

        def find() -> tuple[int, str] | None:
            with rating.engine.connect() as connection:
                return rater_of_token(connection, invitation.token)

        found = await run_in_threadpool(find)
        if found is None:
            raise HTTPException(401, "this invitation is not valid, or not any more: ask for another")
        options = {"httponly": True, "secure": rating.secure, "max_age": int(_SESSION_S), "path": rating.cookie_path}
        response.set_cookie(_COOKIE, rating.sessions.sign(found[0]), samesite="strict", **options)  # type: ignore[arg-type]

    @router.get("/state", responses=_errors(401))
    def read_state(rater: _Rater, rating: _State) -> PageState:
        """What the page shows, and whether this rater has consented."""
        with rating.engine.connect() as connection:
            return state.of_rater(connection, rater)

    @router.post("/consent", status_code=204, responses=_errors(401, 408, 409, 413, 503))
    async def consent(given: Consent, rater: _Rater, rating: _State) -> None:
        """Consent to taking part."""
        if given.version != state.consent_version:
            raise HTTPException(409, "the text has changed: reload the page and read it again")
        await rating.write(lambda connection: add_consent(connection, rater, given.version))

    return router


def _answer_router(state: PageState) -> APIRouter:
    router = APIRouter(prefix="/api", responses=_errors(401, 403, 408, 409, 413, 503))

    def hold(connection: sa.Connection, rating: _Rating, rater: int, feedback: tuple[str, ...] | None = None) -> Held:
        held = hold_clips(connection, rater, rating.config.ahead, rating.config.lease_s)
        return rating.held(rater, held, rater_progress(connection, rater), feedback)

    @router.post("/clips")
    async def next_clips(rater: _SignedRater, rating: _State) -> Held:
        """The clips that the rater holds, and new ones until it is as many as he may hold."""
        return await _consented(rating, rater, state, lambda connection: hold(connection, rating, rater))

    @router.post("/ratings")
    async def answer(given: GivenAnswer, rater: _SignedRater, rating: _State) -> Held:
        """Keep an answer. When this is answered, it is on the disk."""
        kept = Answer(
            given.clip, given.submission, tuple(given.present), given.cannot_tell, given.seconds, state.consent_version
        )

        def change(connection: sa.Connection) -> Held:
            submit(connection, rater, kept)
            training = None
            if state.training:
                training = connection.execute(sa.select(clips.c.training).where(clips.c.id == given.clip)).scalar()
            return hold(connection, rating, rater, None if training is None else tuple(training))

        return await _consented(rating, rater, state, change)

    @router.post("/undo")
    async def take_back(given: TakenBack, rater: _SignedRater, rating: _State) -> Held:
        """Take the last answer back; its clip is the first of those that are held."""

        def change(connection: sa.Connection) -> Held:
            clip = undo(connection, rater, given.submission, state.consent_version, rating.config.lease_s)
            held = hold(connection, rating, rater)
            return held.model_copy(update={"clips": sorted(held.clips, key=lambda shown: shown.clip != clip)})

        return await _consented(rating, rater, state, change)

    return router


async def _consented(rating: _Rating, rater: int, state: PageState, change: Callable[[sa.Connection], Held]) -> Held:
    """Run a change of a rater who has consented and whose invitation is valid; else 403."""

    def checked(connection: sa.Connection) -> Held | None:
        return change(connection) if has_consented(connection, rater, state.consent_version) else None

    if (held := await rating.write(checked)) is None:
        raise HTTPException(403, "consent is needed first: reload the page")
    return held


def _media_router() -> APIRouter:
    router = APIRouter()

    @router.get("/media/{address}", response_class=FileResponse, responses=_errors(401, 404, 503))
    async def media(address: str, rater: _Rater, rating: _State) -> FileResponse:
        """A clip, for the rater to whom the address was given, as long as it is valid."""
        value = rating.links.read(address, rating.config.link_s)
        source = await run_in_threadpool(rating.source, value[0]) if value is not None and value[1] == rater else None
        if source is None:
            raise HTTPException(404, "this address is not valid, or not any more: reload the page")
        try:
            path = await run_in_threadpool(rating.cache.file, source)
        except FILE_ERRORS as error:
            reason = str(failure_of(error)).replace(str(source.video), source.video.name)
            raise HTTPException(503, f"this clip cannot be shown: {reason}") from None
        headers = {"cache-control": f"private, max-age={int(rating.config.link_s)}"}
        return FileResponse(path, media_type="video/mp4", headers=headers)

    return router
