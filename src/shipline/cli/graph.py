"""`shipline graph`: stages and needs as text, SVG or Mermaid."""

from __future__ import annotations

import json
import sys

import click

from shipline.cli.compiling import compile_for
from shipline.cli.facts import Facts, facts_options
from shipline.cli.problems import told
from shipline.cli.terminal import out, safe, style
from shipline.compiler.present.graph import as_mermaid, as_svg, as_text, graph_of
from shipline.model.definition import PipelineDefinition

FORMATS = ("text", "svg", "mermaid", "json")


@click.command()
@facts_options
@click.option("--format", "output", type=click.Choice(FORMATS), default="text", help="How to draw.")
def graph(facts: Facts, output: str) -> None:
    """Draw the pipeline that these facts would give: its stages, its jobs, and which job needs which.

    Exit code 1 when the configuration is not valid.
    """
    outcome = compile_for(facts)
    if outcome.compiled.errors:
        out(told(outcome.compiled.errors, (), outcome.texts, style(sys.stderr)), sys.stderr)
    if not outcome.compiled.valid:
        sys.exit(1)
    # A valid configuration may give no pipeline for these facts: then there is nothing to draw.
    pipeline = outcome.compiled.pipeline or PipelineDefinition((), ())
    shape = graph_of(pipeline)
    if output == "text":
        out(safe(line) for line in as_text(shape))
    elif output == "json":
        out([json.dumps(shape.document(), ensure_ascii=False, indent=2)])
    else:
        drawn = as_svg(shape, title=pipeline.name or "") if output == "svg" else as_mermaid(shape)
        out([drawn.rstrip("\n")])
