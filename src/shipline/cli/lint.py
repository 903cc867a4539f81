"""`shipline lint`: is the configuration right, and what would run."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from shipline.cli.compiling import Outcome, compile_for
from shipline.cli.facts import Facts, facts_options
from shipline.cli.problems import told
from shipline.cli.terminal import Style, columns, out, style
from shipline.compiler.present.jobs import job_document, problem_document
from shipline.compiler.present.written import Written
from shipline.model.definition import JobDefinition, PipelineDefinition


@click.command()
@facts_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
def lint(facts: Facts, output: str) -> None:
    """Check the whole configuration: every error at once, with its place and a way out.

    Exit code 0 when it is valid (also when these facts give no pipeline), 1 when it is not, 2 for wrong usage.
    """
    outcome = compile_for(facts)
    if output == "json":
        out([json.dumps(document(outcome), ensure_ascii=False)])
    else:
        out(_report(outcome, style(sys.stdout)))
    sys.exit(0 if outcome.compiled.valid else 1)


def document(outcome: Outcome) -> dict[str, Any]:
    # Its patterns take time that only this form needs.
    from shipline.compiler.present.merged import as_yaml

    compiled = outcome.compiled
    return {
        "valid": compiled.valid,
        "pipeline_created": compiled.pipeline is not None,
        "errors": [problem_document(problem) for problem in compiled.errors],
        "warnings": [problem_document(problem) for problem in compiled.warnings],
        "merged_yaml": as_yaml(compiled.merged) if compiled.merged is not None else None,
        "jobs": _jobs(outcome),
    }


def _jobs(outcome: Outcome) -> list[dict[str, Any]]:
    compiled = outcome.compiled
    if compiled.pipeline is None or compiled.merged is None:
        return []
    written = Written(compiled.merged, compiled.decisions)
    return [job_document(job, written) for job in compiled.pipeline.jobs]


def _report(outcome: Outcome, paint: Style) -> list[str]:
    compiled = outcome.compiled
    name = outcome.path
    if compiled.valid and compiled.errors:
        return [
            *told(() if compiled.filtered else compiled.errors, compiled.warnings, outcome.texts, paint),
            f"{paint('valid', 'green', 'bold')}  {name}, but no pipeline for {outcome.occasion}"
            + (f": {compiled.errors[0].message}" if compiled.filtered else ""),
        ]
    if compiled.errors:
        lines = told(compiled.errors, compiled.warnings, outcome.texts, paint)
        count = len(compiled.errors)
        return [
            *lines,
            f"{paint('not valid', 'red', 'bold')}  {name}: {count} error{'s' if count > 1 else ''}",
        ]
    pipeline = compiled.pipeline
    assert pipeline is not None
    return [
        *told((), compiled.warnings, outcome.texts, paint),
        *_stages(pipeline, paint),
        "",
        f"{paint('valid', 'green', 'bold')}  {name}: {_counted(pipeline)} for {outcome.occasion}",
    ]


def _stages(pipeline: PipelineDefinition, paint: Style) -> list[str]:
    by_stage: dict[str, list[JobDefinition]] = {stage: [] for stage in pipeline.stages}
    for job in pipeline.jobs:
        by_stage[job.stage].append(job)
    rows = [(stage, str(len(jobs)), _some(jobs)) for stage, jobs in by_stage.items()]
    return list(columns(rows, ("stage", "jobs", "names"), paint, ("cyan", "", "")))


def _some(jobs: list[JobDefinition], limit: int = 6) -> str:
    names = [job.name + ("" if job.when == "on_success" else f" ({job.when})") for job in jobs[:limit]]
    return ", ".join(names) + (f", and {len(jobs) - limit} more" if len(jobs) > limit else "")


def _counted(pipeline: PipelineDefinition) -> str:
    jobs, stages = len(pipeline.jobs), len(pipeline.stages)
    return f"{jobs} job{'s' if jobs != 1 else ''} in {stages} stage{'s' if stages != 1 else ''}"
