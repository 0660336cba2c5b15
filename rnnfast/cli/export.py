"""`rnnfast export`."""

from __future__ import annotations

import click

from rnnfast.cli.common import State, command, option

EXAMPLES = (
    "rnnfast export --model runs/tx --to c -o fraud.c",
    "rnnfast export --model runs/tx --to c --weights q15 -o fraud.c",
    "rnnfast export --model runs/tx --to onnx -o fraud.onnx",
    "rnnfast export --model runs/tx --to torch -o fraud.py",
    "rnnfast export --model runs/tx --to json -o fraud.json",
)


@command("export", EXAMPLES)
@option("--model", section="Model", required=True, metavar="PATH", help="Model file, or the directory of its run.")
@option(
    "--to",
    section="Output",
    required=True,
    type=click.Choice(("c", "onnx", "torch", "json"), case_sensitive=False),
    help="c: a file of C99 that answers row by row; onnx: graphs of sequences and of one step, with states as inputs "
    "and outputs; torch: a module of PyTorch, its tensors beside it; json: all of it to read, which --model takes "
    "again.",
)
@option("-o", "--output", section="Output", required=True, metavar="FILE", help="File: .c, .onnx, .py or .json.")
@option(
    "--weights",
    section="Output",
    type=click.Choice(("exact", "q15"), case_sensitive=False),
    default="exact",
    help="q15: weights of C as whole numbers of 16 bits, a scale for each matrix, half the flash; how far that moves "
    "the answers is printed.",
)
@option("-f", "--force", section="Output", is_flag=True, help="Replace the output file.")
@click.pass_context
def export(ctx: click.Context, /, model: str, to: str, output: str, weights: str, force: bool) -> None:
    """Write a model as C, ONNX, a module of PyTorch or JSON.

    Scaling, categories, empty cells, calibration and threshold are inside of C. An export is run where a C compiler,
    ONNX Runtime or PyTorch is there; if it answers otherwise than the model, nothing is written.
    """
    state = ctx.ensure_object(State)

    from rnnfast.export.exporting import export as export_model

    report = export_model(model, to, output, force=force, weights=weights)
    if state.json:
        state.print_json(report)
        return

    from rnnfast.console.export import show_export

    show_export(state.screen(), report)
