"""evoked serve: predictions over HTTP."""

from pathlib import Path

import click

from evoked.apps.predictions.config import ServeConfig
from evoked.cli.messages import tell
from evoked.cli.options import config_from_options, config_options
from evoked.cli.paths import InputPath
from evoked.core.errors import EvokedError
from evoked.core.extras import require_serving
from evoked.weights.cache import CacheLocation, default_cache

__all__ = ["serve"]


@click.command()
@click.option("--model", required=True, type=InputPath(), help="folder of a trained model")
@click.option("--folder", type=InputPath(), help="videos below it may be named, instead of being sent")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen at; 0.0.0.0: from anywhere")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: any that is free")
@click.option(
    "--token-file", type=InputPath(), help="a file with the token that each request must carry; see docs/howto/serve.md"
)
@click.option("--allow-host", "hosts", multiple=True, help="a name by which the server is reached; may be repeated")
@click.option("--offline", is_flag=True, help="use only networks that are in the cache")
@config_options(ServeConfig)
def serve(
    model: Path,
    folder: Path | None,
    host: str,
    port: int,
    token_file: Path | None,
    hosts: tuple[str, ...],
    offline: bool,
    **options: object,
) -> None:
    """Answer requests for predictions over HTTP, until it is interrupted.

    POST a video to /uploads?name=FILE, or the path of one below --folder to /predictions; then GET /predictions/ID.
    The whole interface is described at /openapi.json. Prints its address once it accepts requests.
    \f

    Args:
        model, folder, host, port, token_file, hosts, offline: the options.
        **options: fields of ServeConfig.

    Raises:
        EvokedError: if the extra `serve` is not installed, or an option cannot be used.
    """
    require_serving("evoked serve")
    from evoked.apps.predictions.app import prediction_app
    from evoked.apps.web.server import is_loopback, run_server

    config = config_from_options(ServeConfig, options)
    if not is_loopback(host) and token_file is None:
        raise EvokedError(
            f"{host} can be reached by others: give --token-file, a file with a token that they must send"
        )
    token = _read_token(token_file) if token_file is not None else None
    location = CacheLocation.of(default_cache(offline=offline))
    app = prediction_app(model, config, cache=location, folder=folder, token=token, hosts=(host, *hosts))
    try:
        run_server(app, host, port, started=click.echo)
    except KeyboardInterrupt:  # how a server is meant to end
        tell("stopped")


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise EvokedError(f"cannot read the token in {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(token) < 16:
        raise EvokedError(f"the token in {path} is shorter than 16 characters and could be guessed: make a longer one")
    return token
