"""evoked export: a trained model as one ONNX file."""

from pathlib import Path

import click

from evoked.cli.outputs import claim, file_in, force_option
from evoked.cli.paths import InputPath, OutputPath
from evoked.core.files import digest
from evoked.model.checkpoint import load_checkpoint
from evoked.prediction.onnx_export import write_onnx

__all__ = ["export"]


@click.command()
@click.argument("model", type=InputPath())
@click.option("-o", "--output", required=True, type=OutputPath(), help="the file to write, NAME.onnx")
@force_option
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
    output = file_in(output, f"{model.resolve().name}.onnx", (".onnx",))
    checkpoint = load_checkpoint(model)
    claim(output, "export", lambda: {"model": digest(checkpoint.about())})
    write_onnx(output, checkpoint)
    click.echo(str(output))
