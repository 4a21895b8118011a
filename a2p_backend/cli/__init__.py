"""The `a2p` command: one module for each group of verbs, and nothing heavy imported before it is needed."""

from __future__ import annotations

import sys

import typer

from a2p_backend.cli import (
    actors,
    bench,
    convert,
    dataset,
    demo,
    doctor,
    export,
    face,
    generate,
    record,
    render,
    retarget,
    serve,
    train,
)
from a2p_backend.cli.console import Commands, show_version

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Conversation audio in, editable character animation out.",
)
app.callback()(show_version)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("record")(record.record)
app.command("generate")(generate.generate)
app.command("render")(render.render)
app.command("face")(face.face)
app.command("retarget")(retarget.retarget)
app.command("export")(export.export)
app.command("convert")(convert.convert)
app.command("doctor")(doctor.doctor)
app.add_typer(actors.app, name="actors")
app.add_typer(bench.app, name="bench")
app.add_typer(dataset.app, name="dataset")
app.add_typer(train.app, name="train")


def main() -> None:
    """Run the command line; the process's entry point."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a Windows console may lack a letter of a file's name
    app()
