"""A job explained: each keyword's value with where it comes from, each variable with its layer. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from shipline.compiler.facts import PushFacts
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.nodes import Node
from shipline.compiler.present.origins import Origin, Origins
from shipline.compiler.present.verdicts import Verdict, verdicts
from shipline.compiler.present.written import INHERITED, Written, takes
from shipline.compiler.visible import Visible
from shipline.model.definition import JobDefinition, PipelineDefinition
from shipline.model.variable import Variable

NOT_JOBS = (
    "after_script", "before_script", "cache", "default", "image", "include", "services", "stages", "variables",
    "workflow",
)  # fmt: skip
RULE = "the rule that matched"
PARALLEL = Origin("parallel")
# What a rule may change of its job.
BY_RULE = ("when", "start_in", "allow_failure", "needs", "interruptible")
USUAL = {"stage": "test", "when": "on_success", "allow_failure": False}


@dataclass(frozen=True, slots=True)
class Entry:
    """A keyword (with dots for its parts, such as `image.name`) or a variable."""

    name: str
    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Explanation:
    """`included` says whether the job is in the pipeline, `why` which rule decided so. `jobs` are the jobs that
    `parallel` makes of it."""

    job: str
    included: bool
    why: str
    keywords: tuple[Entry, ...]
    variables: tuple[Entry, ...]
    jobs: tuple[str, ...] = ()
    rules: tuple[Verdict, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "included": self.included,
            "why": self.why,
            "jobs": list(self.jobs),
            "rules": [asdict(verdict) for verdict in self.rules],
            "keywords": [_entry(entry) for entry in self.keywords],
            "variables": [_entry(entry) for entry in self.variables],
        }


def _entry(entry: Entry) -> dict[str, Any]:
    origin = asdict(entry.origin)
    return {
        "name": entry.name,
        "value": entry.value,
        "from": origin["how"],
        "file": origin["file"] or None,
        "line": origin["line"] or None,
    }


@dataclass(frozen=True, slots=True)
class Layers:
    """Where variables beside the job's own come from: `given` on the command line or in settings, and those of
    the rules that matched."""

    given: tuple[tuple[str, str], ...] = ()
    job_rule: Node | None = None
    workflow_rule: Node | None = None


def job_names(merged: Node) -> list[str]:
    return [name for name in merged.value if name not in NOT_JOBS and not name.startswith(".")]


def written_name(merged: Node, name: str) -> str | None:
    """The job as the file has it: `test` for itself and for its instances `test 1/3` and `test: [a]`."""
    names = job_names(merged)
    if name in names:
        return name
    whole = [known for known in names if name.startswith((f"{known} ", f"{known}: "))]
    return max(whole, key=len, default=None)


def close_names(merged: Node, pipeline: PipelineDefinition | None, name: str) -> list[str]:
    known = [*job_names(merged), *(job.name for job in (pipeline.jobs if pipeline else ()))]
    lower = {candidate.lower(): candidate for candidate in known}
    return [lower[found] for found in difflib.get_close_matches(name.lower(), lower, n=3)]


def explain(
    name: str,
    merged: Node,
    origins: Origins,
    pipeline: PipelineDefinition | None,
    layers: Layers,
    why: str,
    facts: PushFacts,
    limits: Limits = DEFAULT_LIMITS,
) -> Explanation:
    """`name` is a job of `merged`, or one of the jobs that `parallel` made of it; `limits` are those that it was
    compiled with."""
    written = written_name(merged, name) or name
    jobs = [
        job
        for job in (pipeline.jobs if pipeline else ())
        if job.name == name or (name == written and job.group == written)
    ]
    final = jobs[0] if jobs else None
    variables = tuple(_variables(written, merged, origins, final, layers))
    known = final is not None or name == written
    values = None
    if known:
        without = Layers(layers.given, None, layers.workflow_rule)
        below = [
            *_variables(written, merged, origins, None, without),
            *(e for e in variables if e.origin == PARALLEL),
        ]
        values = _seen(written, merged, final, below, facts)
    return Explanation(
        job=name,
        included=bool(jobs),
        why=why,
        keywords=tuple(_keywords(written, merged, origins, final, layers)),
        variables=variables,
        jobs=tuple(job.name for job in jobs if job.name != name),
        rules=tuple(
            verdicts(merged.value[written].value.get("rules"), layers.job_rule, values, facts, limits)
        ),
    )


def _seen(
    job: str, merged: Node, final: JobDefinition | None, variables: Iterable[Entry], facts: PushFacts
) -> Mapping[str, str]:
    """What the job's rules saw: none of the variables that the rule which matched has set."""
    stage = merged.value[job].value.get("stage")
    name = str(stage.value) if stage is not None and stage.value is not None else USUAL["stage"]
    definition = final or JobDefinition(job, str(name), ())
    own = tuple(Variable(entry.name, entry.value) for entry in variables)
    return Visible(facts).job(replace(definition, variables=own))


def _keywords(
    job: str, merged: Node, origins: Origins, final: JobDefinition | None, layers: Layers
) -> Iterator[Entry]:
    own: dict[str, Node] = merged.value[job].value
    rule: dict[str, Node] = layers.job_rule.value if layers.job_rule is not None else {}
    for key in dict.fromkeys((*USUAL, *own, *INHERITED, *(key for key in BY_RULE if key in rule))):
        node = own.get(key)
        if key in BY_RULE and final is not None and key in rule:
            yield Entry(key, rule[key].plain(), Origin(RULE, rule[key].file, rule[key].line))
        elif key == "variables":
            continue
        elif node is not None and node.value is not None:
            yield from _flat(key, node, origins, job)
        elif key in INHERITED:
            yield from _inherited(key, job, merged, origins)
        elif key in USUAL:
            value = getattr(final, key) if final is not None else USUAL[key]
            how = "GitLab's default" if value == USUAL[key] else "follows from when"
            yield Entry(key, value if isinstance(value, bool) else str(value), Origin(how))


def _inherited(key: str, job: str, merged: Node, origins: Origins) -> Iterator[Entry]:
    node = Written(merged, ()).inherited(merged.value[job], key)
    if node is not None:
        for entry in _flat(key, node, origins, job):
            yield Entry(entry.name, entry.value, Origin("default", entry.origin.file, entry.origin.line))


def _flat(name: str, node: Node, origins: Origins, job: str) -> Iterator[Entry]:
    """A hash is merged from several places: each part tells its own. So does a list with parts from elsewhere."""
    if isinstance(node.value, dict) and node.value:
        for key, item in node.value.items():
            yield from _flat(f"{name}.{key}", item, origins, job)
        return
    origin = origins.of(node, job)
    if isinstance(node.value, list):
        inner = [origins.of(item, job) for item in node.value]
        if any(found.how != origin.how for found in inner):
            for item, found in zip(node.value, inner, strict=True):
                yield Entry(name, item.plain(), found)
            return
    yield Entry(name, node.plain(), origin)


def _variables(
    job: str, merged: Node, origins: Origins, final: JobDefinition | None, layers: Layers
) -> Iterator[Entry]:
    """In order of precedence, each variable once, from the highest layer that has it."""
    seen: set[str] = set()
    values = {variable.key: variable.value for variable in final.variables} if final is not None else {}

    def layer(entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if entry.name not in seen:
                seen.add(entry.name)
                yield entry

    yield from layer(Entry(key, value, Origin("a pipeline variable")) for key, value in layers.given)
    yield from layer(_written(layers.job_rule, RULE, values))
    own = merged.value[job]
    yield from layer(_of_job(own, origins, job, values))
    below = [
        *_written(layers.workflow_rule, "workflow:rules", values),
        *_written(merged, "global variables", values),
    ]
    known = {entry.name for entry in below}
    # What no file has under `variables` comes of the matrix, or of `parallel` itself.
    yield from layer(Entry(key, value, PARALLEL) for key, value in values.items() if key not in known)
    yield from layer(entry for entry in below if takes(own, "variables", entry.name))


def _of_job(own: Node, origins: Origins, job: str, values: dict[str, str]) -> Iterator[Entry]:
    for entry in _written(own, "", values):
        node = own.value["variables"].value[entry.name]
        yield Entry(entry.name, entry.value, origins.of(node, job))


def _written(holder: Node | None, how: str, values: dict[str, str]) -> Iterator[Entry]:
    """What stands under `variables` of a job, a rule or the file."""
    node = holder.value.get("variables") if holder is not None and isinstance(holder.value, dict) else None
    if node is None or not isinstance(node.value, dict):
        return
    for key, item in node.value.items():
        value = item.value.get("value", item) if isinstance(item.value, dict) else item
        written = "" if value is None or value.value is None else value.plain()
        yield Entry(key, values.get(key, written), Origin(how, item.file, item.line))
