"""`shipline list`: the jobs that a push would get."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from shipline.cli.compiling import Outcome, compile_for
from shipline.cli.facts import Facts, facts_options
from shipline.cli.problems import told
from shipline.cli.terminal import columns, out, style
from shipline.model.definition import JobDefinition


@click.command(name="list")
@facts_options
@click.option("--all", "everything", is_flag=True, help="Also the jobs that are left out, and why.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def list_(facts: Facts, everything: bool, output: str) -> None:
    """The jobs that a pipeline for these facts would have: stage, when, needs, and why each is in it.

    Exit code 1 when the configuration is not valid.
    """
    outcome = compile_for(facts)
    if not outcome.compiled.valid:
        out(told(outcome.compiled.errors, (), outcome.texts, style(sys.stderr)), sys.stderr)
        sys.exit(1)
    jobs = outcome.compiled.pipeline.jobs if outcome.compiled.pipeline else ()
    left_out = outcome.left_out() if everything else []
    if output == "json":
        rows = [_row(job, outcome) for job in jobs]
        out([json.dumps(rows + [_absent(name, outcome) for name in left_out], ensure_ascii=False, indent=2)])
        return
    paint = style(sys.stdout)
    table = [(job.stage, job.name, _when(job), _needs(job), outcome.why(job.name)) for job in jobs]
    table += [("-", name, "never", "", outcome.why(name)) for name in left_out]
    if table:
        out(columns(table, ("stage", "job", "when", "needs", "why"), paint, ("cyan", "bold", "", "", "dim")))
    for problem in outcome.compiled.errors:
        out(
            [f"No pipeline for {outcome.occasion}: {problem.message}"],
            sys.stdout if not table else sys.stderr,
        )


def _row(job: JobDefinition, outcome: Outcome) -> dict[str, Any]:
    return {
        "stage": job.stage,
        "name": job.name,
        "when": str(job.when),
        "allow_failure": job.allow_failure,
        "needs": None if job.needs is None else [need.job for need in job.needs],
        "why": outcome.why(job.name),
    }


def _absent(name: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "stage": None,
        "name": name,
        "when": "never",
        "allow_failure": None,
        "needs": None,
        "why": outcome.why(name),
    }


def _when(job: JobDefinition) -> str:
    words = str(job.when)
    return f"{words}, may fail" if job.allow_failure and words != "manual" else words


def _needs(job: JobDefinition, limit: int = 4) -> str:
    if job.needs is None:
        return ""
    if not job.needs:
        return "nothing"
    names = [need.job for need in job.needs[:limit]]
    return ", ".join(names) + (f" +{len(job.needs) - limit}" if len(job.needs) > limit else "")
