"""The order of compilation. Pure: text and facts in, a pipeline or every error out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from shipline.compiler.configuration import Configuration, read_configuration
from shipline.compiler.create import create
from shipline.compiler.decisions import Decision
from shipline.compiler.extends import resolve_extends
from shipline.compiler.facts import PushFacts, RuleError
from shipline.compiler.includes import load_all
from shipline.compiler.instances import Instance, expand_parallel
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.needs import check_graph
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.references import resolve_references
from shipline.compiler.sources import SourceError, Sources, reference_not_found
from shipline.model.definition import PipelineDefinition


@dataclass(frozen=True, slots=True)
class Compiled:
    """`pipeline`, or `errors`. With `filtered` the configuration is right but gives no pipeline for this
    push; its one error says why. `merged` is what GitLab prints as merged YAML: the text after include,
    extends and !reference. `decisions` tell for each job why it is in the pipeline or not."""

    pipeline: PipelineDefinition | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    filtered: bool = False
    merged: Node | None = None
    decisions: tuple[Decision, ...] = ()
    # The file is right; errors, if there are any, are of this pipeline only.
    valid: bool = False


def compile_pipeline(
    path: str,
    text: str | bytes,
    facts: PushFacts,
    sources: Sources,
    limits: Limits = DEFAULT_LIMITS,
    *,
    inputs: Mapping[str, Any] | None = None,
) -> Compiled:
    """Compile the file `path` with content `text`. `sources` gives the files that it includes, `inputs` are
    for its own `spec:inputs`. Never raises for anything that a user wrote."""
    problems = Problems(limits.problems)
    facts = _with_lookups(facts, sources)
    root = load_all(path, text, facts, sources, limits, inputs or {}, problems)
    if root is None:
        return Compiled(errors=problems.in_order())
    root = resolve_references(resolve_extends(root, problems, limits), problems, limits)
    if problems.found:
        return Compiled(errors=problems.in_order(), merged=root)
    configuration = read_configuration(root, problems, limits)
    instances = expand_parallel(configuration.drafts, problems)
    _check_graph(configuration, instances, problems, limits)
    if problems.found:
        return Compiled(errors=problems.in_order(), warnings=configuration.warnings, merged=root)
    created = create(configuration, instances, facts, limits)
    return Compiled(
        created.pipeline,
        created.errors,
        configuration.warnings,
        created.filtered,
        root,
        created.decisions,
        valid=True,
    )


def _check_graph(
    configuration: Configuration, instances: tuple[Instance, ...], problems: Problems, limits: Limits
) -> None:
    if configuration.stages is None:
        return
    faulty = {problem.job for problem in problems.found if problem.job is not None}
    check_graph(configuration.stages, instances, configuration.unreadable | faulty, problems, limits)


def _with_lookups(facts: PushFacts, sources: Sources) -> PushFacts:
    """What the rules of many jobs ask for is looked up once; files of other projects come from `sources`."""

    def tracked_in(project: str, ref: str | None) -> frozenset[str]:
        try:
            return sources.project(project, ref).tracked()
        except SourceError as error:
            if ref is not None and error.message == reference_not_found(project, ref).message:
                text = f"rules:exists:ref `{ref}` is not a valid ref in project `{project}`"
            else:
                text = f"rules:exists:project `{project}` not found or access denied"
            raise RuleError(text) from error

    return replace(
        facts,
        tracked_paths=cache(facts.tracked_paths),
        changed_since=cache(facts.changed_since),
        tracked_in=cache(tracked_in),
    )
