"""`shipline explain`: where each value of a job comes from, and why the job is in the pipeline or not."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import click

from shipline.cli.compiling import Outcome, compile_for
from shipline.cli.facts import Facts, facts_options
from shipline.cli.problems import told
from shipline.cli.terminal import Style, columns, out, safe, style
from shipline.compiler.present.explain import (
    Entry,
    Explanation,
    Layers,
    close_names,
    written_name,
)
from shipline.compiler.present.explain import (
    explain as explained,
)
from shipline.compiler.present.origins import origins_of
from shipline.errors import UsageError

VALUE_LIMIT = 100


@click.command()
@facts_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print.")
@click.argument("job")
def explain(facts: Facts, output: str, job: str) -> None:
    """Say for every keyword and variable of JOB its value and where that comes from, and which rule decided.

    Exit code 1 when the configuration is not valid, 2 when it has no such job.
    """
    outcome = compile_for(facts)
    merged, tree = outcome.compiled.merged, outcome.included
    if not outcome.compiled.valid or merged is None or tree is None:
        out(told(outcome.compiled.errors, (), outcome.texts, style(sys.stderr)), sys.stderr)
        sys.exit(1)
    written = written_name(merged, job)
    if written is None:
        close = close_names(merged, outcome.compiled.pipeline, job)
        hint = (
            f"Did you mean {' or '.join(map(repr, close))}?"
            if close
            else "`shipline list --all` names all jobs."
        )
        raise UsageError(f"{outcome.path} has no job {job!r}.", hint=hint)
    decision, workflow = outcome.decision(job) or outcome.decision_of_instance(written), outcome.decision("")
    rules = [found.rule if found is not None else None for found in (decision, workflow)]
    layers = Layers(facts.variables, *rules)
    why = decision.reason if decision is not None else ""
    pipeline, origins = outcome.compiled.pipeline, origins_of(tree)
    found = explained(job, merged, origins, pipeline, layers, why, outcome.push, outcome.limits)
    if output == "json":
        out([json.dumps(found.document(), ensure_ascii=False, indent=2, default=str)])
    else:
        out(_report(found, outcome, style(sys.stdout)))


def _report(found: Explanation, outcome: Outcome, paint: Style) -> Iterable[str]:
    state = paint("in the pipeline", "green") if found.included else paint("not in the pipeline", "yellow")
    yield f"{paint(safe(found.job), 'bold')}  {state} for {outcome.occasion}"
    why = found.why or (outcome.compiled.errors[0].message if outcome.compiled.filtered else "")
    if why:
        yield f"  {safe(why)}"
    if found.jobs:
        yield f"  as {safe(', '.join(found.jobs))}"
    if found.rules:
        yield ""
        marks = {True: "matches", False: "no", None: "not asked"}
        rows = [(str(rule.number), _short(rule.rule), marks[rule.holds], rule.why) for rule in found.rules]
        yield from columns(rows, ("rule", "", "", "because"), paint, ("cyan", "", "", "dim"))
    # Those stand above already, each in its line.
    keywords = [entry for entry in found.keywords if entry.name != "rules"]
    for head, entries in (("keyword", keywords), ("variable", found.variables)):
        if entries:
            yield ""
            lines = [row for entry in entries for row in _rows(entry)]
            yield from columns(lines, (head, "value", "from"), paint, ("cyan", "", "dim"))


def _rows(entry: Entry) -> list[tuple[str, str, str]]:
    """A list has a row for each of its items."""
    values = entry.value if isinstance(entry.value, list) and entry.value else [entry.value]
    lines = [line for value in values for line in _shown(value).splitlines() or [""]]
    return [
        (entry.name if number == 0 else "", _short(line), str(entry.origin) if number == 0 else "")
        for number, line in enumerate(lines)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value or '""'
    return json.dumps(value, ensure_ascii=False, default=str)


def _short(line: str) -> str:
    return line if len(line) <= VALUE_LIMIT else line[: VALUE_LIMIT - 1] + "…"
