"""The prediction server: send a video, or name one below the served folder, and ask for its prediction by its id."""

import hashlib
import hmac
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from evoked.apps.predictions.config import ServeConfig
from evoked.apps.web.allowed_folder import AllowedFolder
from evoked.apps.web.app import create_app, error_responses
from evoked.apps.web.job_queue import Job, JobQueue, JobState
from evoked.apps.web.limits import BodyLimits
from evoked.core.errors import BusyError, EvokedError, OutputError
from evoked.core.names import is_utf8
from evoked.core.study_layout import MEDIA
from evoked.media.file_header import header_of
from evoked.prediction.jobs import Prediction, PredictTask, run_predict_task
from evoked.prediction.predictor import load_model
from evoked.prediction.writers import prediction_rows
from evoked.weights.cache import CacheLocation

__all__ = ["prediction_app"]

_BLOCK = 1 << 20
_NAME_BYTES = 200
Jobs = JobQueue[PredictTask, Prediction]
_REFUSALS = {
    400: "the video cannot be read, or its name cannot be used",
    401: "the token is missing or wrong",
    404: "there is no such video or prediction",
    408: "the request came too slowly",
    413: "the request is too large",
    503: "too many videos wait",
    507: "the disk of the server is full",
}


class Video(BaseModel):
    """A video of the served folder."""

    video: str = Field(description="its path below the folder, parts separated by /", max_length=4096)


class PredictionStatus(BaseModel):
    """A prediction that was asked for.

    Attributes:
        id: its name in addresses.
        video: the file's name.
        state: queued, running, done or failed.
        ahead: videos before it in the queue.
        error: one line, where it failed.
        rows: a row per second: time_s, valid, and each expression's probability (null where not valid); once done.
        provenance: settings, versions and digests of the inputs; once done.
    """

    id: str
    video: str
    state: JobState
    ahead: int = 0
    error: str | None = None
    rows: list[dict[str, float | bool | None]] | None = None
    provenance: dict[str, object] | None = None


class ServerStatus(BaseModel):
    """What the server predicts."""

    status: Literal["ready"] = "ready"
    expressions: list[str]
    model_sha256: str


@dataclass(frozen=True, eq=False)
class _Predictions:
    """What the routes work with."""

    model: Path
    cache: CacheLocation
    folder: AllowedFolder | None
    uploads: Path
    jobs: Jobs
    threads: int

    def submit(self, video: Path, ended: Callable[[], None] = lambda: None) -> PredictionStatus:
        """Queue a video; EvokedError if it is of no kind that is served."""
        try:
            known = header_of(video).has_signature
        except OSError as error:
            raise EvokedError(f"{video.name} cannot be read: {error.strerror}") from error
        if not known:  # libav would read a text as a list of other files
            raise EvokedError(
                f"{video.name} is no MP4, MOV, Matroska, WebM, AVI or WMV file: convert it to one of these"
            )
        task = PredictTask(video, self.model, self.cache, threads=self.threads)
        return self.status(self.jobs.submit(task, ended), whole=False)

    def status(self, job: Job[PredictTask, Prediction], *, whole: bool) -> PredictionStatus:
        """A job as its client sees it: no path of this machine."""
        name, result = job.task.video.name, job.result if whole else None
        return PredictionStatus(
            id=job.id,
            video=name,
            state=job.state,
            ahead=self.jobs.ahead(job),
            error=job.error.replace(str(job.task.video), name) or None,
            rows=None if result is None else prediction_rows(result.track),
            provenance=None if result is None else result.provenance.as_dict(),
        )


def prediction_app(
    model: Path,
    config: ServeConfig,
    *,
    cache: CacheLocation,
    folder: Path | None = None,
    token: str | None = None,
    hosts: tuple[str, ...] = (),
) -> FastAPI:
    """Make the app of the prediction server.

    Args:
        model: folder of a trained model.
        config: limits.
        cache: where the pretrained networks are.
        folder: videos below it may be named; None: they can only be sent.
        token: that each request must carry (Authorization: Bearer …); None: none is asked for.
        hosts: names by which the server is reached, beside those of this machine itself.

    Returns:
        The app; its worker processes run from its start to its end.

    Raises:
        CheckpointError: if the model cannot be used.
        EvokedError: if the folder is none.
    """
    loaded = load_model(model)
    loaded.feature_config(config.threads)  # a model that cannot be used is told before anything is served
    allowed = AllowedFolder(folder) if folder is not None else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        limits = {"max_waiting": config.max_queue, "keep": config.keep}
        jobs: Jobs = JobQueue(
            run_predict_task, workers=config.workers, threads=config.threads, limit_s=config.max_job_s, **limits
        )
        try:
            with tempfile.TemporaryDirectory(prefix="evoked-serve-", ignore_cleanup_errors=True) as uploads:
                app.state.predictions = _Predictions(model, cache, allowed, Path(uploads), jobs, config.threads)
                yield
        finally:
            jobs.close()

    status = ServerStatus(expressions=list(loaded.expressions), model_sha256=loaded.sha256)
    limits = BodyLimits(paths={"/uploads": int(config.max_upload_mb * 1e6)})
    guarded = [Depends(_token_check(token))]
    routers = [_server_router(status), _submit_router(guarded), _result_router(guarded)]
    return create_app("evoked: predictions", routers, hosts=hosts, body=limits, lifespan=lifespan)


def _token_check(token: str | None) -> Callable[..., None]:
    """A dependency that refuses requests without the token; their digests are compared, in constant time."""
    expected = hashlib.sha256(token.encode()).digest() if token else None

    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]) -> None:
        if expected is None:
            return
        digest = hashlib.sha256(given.credentials.encode() if given else b"").digest()
        if not hmac.compare_digest(digest, expected):
            raise HTTPException(401, "send the token of this server: Authorization: Bearer TOKEN")

    return check


def _errors(*statuses: int) -> dict[int | str, dict[str, object]]:
    return error_responses({status: _REFUSALS[status] for status in (401, *statuses)})


def _state(request: Request) -> _Predictions:
    predictions: _Predictions = request.app.state.predictions
    return predictions


_State = Annotated[_Predictions, Depends(_state)]


def _server_router(status: ServerStatus) -> APIRouter:
    router = APIRouter()

    @router.get("/", summary="What the server predicts")
    def server() -> ServerStatus:
        return status

    return router


def _submit_router(guarded: list[Any]) -> APIRouter:
    router = APIRouter(dependencies=guarded)

    @router.post("/predictions", status_code=202, responses=_errors(400, 404, 408, 413, 503))
    def predict_file(video: Video, state: _State) -> PredictionStatus:
        """Queue a video of the served folder."""
        path = state.folder.file(video.video) if state.folder else None
        if path is None:
            raise HTTPException(404, "no such video below the served folder: check its path")
        with _refusals(), state.jobs.place():
            return state.submit(path)

    @router.post("/uploads", status_code=202, responses=_errors(400, 408, 413, 503, 507), openapi_extra=_BINARY)
    async def predict_upload(
        request: Request, state: _State, name: Annotated[str, Query(description="name of the file, with its suffix")]
    ) -> PredictionStatus:
        """Queue a video that is the body of the request; it is deleted after its prediction."""
        _check_name(name)
        with _refusals(), state.jobs.place():
            target = Path(tempfile.mkdtemp(dir=state.uploads)) / name
            try:
                await _receive(request, target)
                return await run_in_threadpool(state.submit, target, lambda: _remove(target))
            except BaseException:
                _remove(target)
                raise

    return router


def _result_router(guarded: list[Any]) -> APIRouter:
    router = APIRouter(dependencies=guarded)

    @router.get("/predictions/{prediction_id}", responses=_errors(404))
    def prediction(prediction_id: str, state: _State) -> PredictionStatus:
        """Ask how far a prediction is; once it is done, the answer holds its rows."""
        job = state.jobs.get(prediction_id)
        if job is None:
            raise HTTPException(404, "no such prediction: it was never asked for, or was removed")
        return state.status(job, whole=True)

    @router.delete("/predictions/{prediction_id}", status_code=204, responses=_errors(404))
    def remove_prediction(prediction_id: str, state: _State) -> Response:
        """Forget a prediction that waits or has ended."""
        if not state.jobs.remove(prediction_id):
            raise HTTPException(404, "no prediction of this id waits or has ended")
        return Response(status_code=204)

    return router


_BINARY: dict[str, object] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@contextmanager
def _refusals() -> Iterator[None]:
    """Errors of the user's as statuses."""
    try:
        yield
    except BusyError as error:
        raise HTTPException(503, str(error)) from None
    except OutputError as error:
        raise HTTPException(507, str(error)) from None
    except EvokedError as error:
        raise HTTPException(400, str(error)) from None
    except ClientDisconnect:
        raise HTTPException(400, "the connection ended before the video was whole") from None


def _check_name(name: str) -> None:
    """HTTPException unless a file of this name can be made, and is a video's."""
    plain = name == Path(name).name and "\\" not in name and "\0" not in name and not name.startswith(".")
    if not plain or not is_utf8(name) or not name.isprintable() or len(name.encode()) > _NAME_BYTES:
        raise HTTPException(400, "the name must be a plain file name, without folders")
    if Path(name).suffix.lower() not in MEDIA:
        raise HTTPException(400, f"the name must end as a video's: {', '.join(sorted(MEDIA))}")


async def _receive(request: Request, target: Path) -> None:
    """Write the body of a request into a file; OutputError where the disk is full."""
    try:
        with target.open("wb") as file:
            held = bytearray()
            async for chunk in request.stream():
                held += chunk
                if len(held) >= _BLOCK:
                    await run_in_threadpool(file.write, bytes(held))
                    held.clear()
            await run_in_threadpool(file.write, bytes(held))
    except OSError as error:
        raise OutputError(f"the video cannot be kept here: {error.strerror}. Try again later") from error


def _remove(target: Path) -> None:
    shutil.rmtree(target.parent, ignore_errors=True)
