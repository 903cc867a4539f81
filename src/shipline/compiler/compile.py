"""The order of compilation. Pure: text and facts in, a pipeline or every error out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from shipline.compiler.configuration import Configuration, read_configuration
from shipline.compiler.create import create
from shipline.compiler.decisions import Decision
from shipline.compiler.documents import load_documents
from shipline.compiler.extends import resolve_extends, resolve_references
from shipline.compiler.facts import PushFacts
from shipline.compiler.includes import Includer
from shipline.compiler.instances import Instance, expand_parallel
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.needs import check_graph
from shipline.compiler.nodes import Node, YamlError
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.sources import Sources
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
) -> Compiled:
    """Compile the file `path` with content `text`. `sources` gives the files that it includes. Never raises
    for anything that a user wrote."""
    problems = Problems()
    if not text.strip():
        return Compiled(errors=(Problem("Please provide content of .gitlab-ci.yml", path),))
    try:
        root = load_documents(path, text, limits).body
    except YamlError as error:
        return Compiled(errors=(Problem(error.message, path, error.line, error.column),))
    root = Includer(sources, limits, problems, open=[path]).expand(root)
    root = resolve_references(resolve_extends(root, problems), problems)
    if problems.found:
        return Compiled(errors=problems.in_order(), merged=root)
    configuration = read_configuration(root, problems, limits)
    instances = expand_parallel(configuration.drafts, problems)
    _check_graph(configuration, instances, problems)
    if problems.found:
        return Compiled(errors=problems.in_order(), warnings=configuration.warnings, merged=root)
    created = create(configuration, instances, _remembering(facts), limits)
    return Compiled(
        created.pipeline,
        created.errors,
        configuration.warnings,
        created.filtered,
        root,
        created.decisions,
        valid=True,
    )


def _check_graph(configuration: Configuration, instances: tuple[Instance, ...], problems: Problems) -> None:
    if configuration.stages is None:
        return
    faulty = {problem.job for problem in problems.found if problem.job is not None}
    check_graph(configuration.stages, instances, configuration.unreadable | faulty, problems)


def _remembering(facts: PushFacts) -> PushFacts:
    """What the rules of many jobs ask for is looked up once."""
    return replace(
        facts,
        tracked_paths=cache(facts.tracked_paths),
        tracked_in=cache(facts.tracked_in),
        changed_since=cache(facts.changed_since),
    )
