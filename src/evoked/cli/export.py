"""evoked export: a trained model as one ONNX file."""

from pathlib import Path

import click

from evoked.core.files import check_writable
from evoked.model.checkpoint import load_checkpoint
from evoked.predict.onnx_export import write_onnx

__all__ = ["export"]


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="the file to write, NAME.onnx")
def export(model: Path, output: Path) -> None:
    """Write MODEL as an ONNX file, for other runtimes and languages.

    Its inputs are windows of features, one per modality, (n, window_s, D); its output is the expressions of the n
    seconds. docs/predict.md describes how windows are cut.
    \f

    Args:
        model: folder of a trained model.
        output: the file to write.

    Raises:
        EvokedError: if the model or the output cannot be used.
    """
    check_writable(output)
    write_onnx(output, load_checkpoint(model))
    click.echo(str(output))
