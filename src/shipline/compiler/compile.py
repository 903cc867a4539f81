"""The order of compilation. Pure: text and facts in, a pipeline or every error out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shipline.compiler.documents import load_documents
from shipline.compiler.extends import resolve_extends, resolve_references
from shipline.compiler.facts import PushFacts
from shipline.compiler.fields import Reader
from shipline.compiler.includes import Includer
from shipline.compiler.job import (
    DEFAULT_KEYS,
    UNSUPPORTED_DEFAULT_KEYS,
    Draft,
    read_job,
    with_defaults,
)
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.needs import check_graph, check_presence
from shipline.compiler.nodes import Node, YamlError
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.rules import DEFAULT_ONLY, Rule, first_match, read_rules, unwanted, wanted
from shipline.compiler.sources import Sources
from shipline.model.definition import JobDefinition, PipelineDefinition, When
from shipline.model.expansion import circle, expand
from shipline.model.variable import Variable, last_wins

DEFAULT_STAGES = ("build", "test", "deploy")
GLOBAL_KEYS = (
    "image", "services", "stages", "before_script", "after_script", "variables", "include", "default",
    "workflow", "cache",
)  # fmt: skip
# The old places of what belongs under `default:`; still valid.
GLOBAL_DEFAULTS = ("image", "services", "before_script", "after_script")
NAME_LIMIT = 255
FILTERED = "Pipeline filtered out by workflow rules."
NOTHING = (
    "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being "
    "added to the pipeline."
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """`pipeline`, or `errors`. With `filtered` the configuration is right but gives no pipeline for this
    push; its one error says why. `variables` are the pipeline's YAML variables."""

    pipeline: PipelineDefinition | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    filtered: bool = False


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
        return Compiled(errors=problems.in_order())
    configuration = _read(root, problems)
    if configuration.stages is not None:
        check_graph(configuration.stages, configuration.drafts, configuration.unreadable, problems)
    if problems.found:
        return Compiled(errors=problems.in_order())
    return _create(configuration, facts)


@dataclass(frozen=True, slots=True)
class _Configuration:
    """`stages` is None when they cannot be told; `unreadable` are jobs with errors of their own."""

    root: Node
    stages: tuple[str, ...] | None
    variables: tuple[Variable, ...]
    workflow_rules: tuple[Rule, ...] | None
    workflow_name: str | None
    drafts: tuple[Draft, ...]
    unreadable: frozenset[str]


def _read(root: Node, problems: Problems) -> _Configuration:
    reader = Reader(problems)
    if "cache" in root.value:
        problems.unsupported(root.key("cache"), "cache")
    defaults = _defaults(root, reader)
    workflow_rules, workflow_name = _workflow(root, reader)
    stages = _stages(root, reader)
    variables = reader.variables(root.value.get("variables"), "variables", described=True)
    drafts = _drafts(root, defaults, problems)
    return _Configuration(
        root=root,
        stages=stages,
        variables=variables,
        workflow_rules=workflow_rules,
        workflow_name=workflow_name,
        drafts=drafts,
        unreadable=frozenset(root.value) - {draft.definition.name for draft in drafts},
    )


def _stages(root: Node, reader: Reader) -> tuple[str, ...] | None:
    node = root.value.get("stages")
    if node is None or node.value is None:
        return (".pre", *DEFAULT_STAGES, ".post")
    stages = reader.lines(node, "stages") if isinstance(node.value, list) else None
    if stages is None:
        if not isinstance(node.value, list):
            reader.wrong(node, "stages", "config should be an array of strings")
        return None
    own = [stage for stage in dict.fromkeys(stages) if stage not in (".pre", ".post")]
    return (".pre", *own, ".post") if stages else ()


def _defaults(root: Node, reader: Reader) -> Node | None:
    node = root.value.get("default")
    values: dict[str, Node] = {}
    keys: dict[str, tuple[int, int]] = {}
    if node is not None and node.value is not None:
        if not isinstance(node.value, dict):
            reader.wrong(node, "default", "config should be a hash")
        else:
            reader.known_keys(node, "default", DEFAULT_KEYS, UNSUPPORTED_DEFAULT_KEYS)
            values, keys = dict(node.value), dict(node.keys)
    for key in GLOBAL_DEFAULTS:
        if key in root.value and root.value[key].value is not None:
            if key in values:
                reader.wrong(root.key(key), key, "is defined in top-level and `default:` entry")
            values[key] = root.value[key]
            keys[key] = root.keys.get(key, (root.line, root.column))
    return Node(values, root.file, root.line, root.column, keys) if values else None


def _workflow(root: Node, reader: Reader) -> tuple[tuple[Rule, ...] | None, str | None]:
    node = root.value.get("workflow")
    if node is None or node.value is None:
        return None, None
    if not isinstance(node.value, dict):
        reader.wrong(node, "workflow", "config should be a hash")
        return None, None
    reader.known_keys(node, "workflow", ("rules", "name"), ("auto_cancel",))
    name = node.value.get("name")
    rules = read_rules(reader, node.value.get("rules"), "workflow:rules", workflow=True)
    return rules, reader.text(name, "workflow name") if name is not None and name.value is not None else None


def _drafts(root: Node, defaults: Node | None, problems: Problems) -> tuple[Draft, ...]:
    drafts: list[Draft] = []
    seen = False
    for name, node in root.value.items():
        if name in GLOBAL_KEYS or name.startswith("."):
            continue
        seen = True
        reader = Reader(problems, name)
        if len(name) > NAME_LIMIT:
            problems.add(root.key(name), f"jobs:{name} name is too long (maximum is 255 characters)".lower())
        if not isinstance(node.value, dict):
            spaced = name.replace(" ", "_")
            text = f"jobs {spaced} config should implement the script:, run:, or trigger: keyword"
            problems.add(root.key(name), text.lower(), job=name)
            continue
        draft = read_job(name, with_defaults(node, defaults, reader), reader)
        if draft is not None:
            drafts.append(draft)
    if not seen:
        problems.add(root, "jobs config should contain at least one visible job")
    return tuple(drafts)


def _create(configuration: _Configuration, facts: PushFacts) -> Compiled:
    """The pipeline for this push: who is in it, and how."""
    workflow_variables: tuple[Variable, ...] = ()
    if configuration.workflow_rules is not None:
        values = _values(facts, configuration.variables)
        rule = first_match(configuration.workflow_rules, values, facts)
        if rule is None or rule.when is When.NEVER:
            return Compiled(errors=(Problem(FILTERED),), filtered=True)
        workflow_variables = rule.variables
    pipeline_variables = last_wins((*configuration.variables, *workflow_variables))
    chosen: list[JobDefinition] = []
    problems = Problems()
    for draft in configuration.drafts:
        job = _decide(draft, pipeline_variables, facts, configuration.workflow_rules is not None)
        if job is None:
            continue
        found = circle({variable.key: variable.value for variable in job.variables if not variable.raw})
        if found:
            names = ", ".join(f'"{name}"' for name in found)
            problems.add(
                draft.node, f"{job.name}: circular variable reference detected: [{names}]", job=job.name
            )
        chosen.append(job)
    check_presence(chosen, {draft.definition.name: draft for draft in configuration.drafts}, problems)
    if problems.found:
        return Compiled(errors=problems.in_order())
    if all(job.stage in (".pre", ".post") for job in chosen):
        return Compiled(errors=(Problem(NOTHING),), filtered=True)
    all_stages = configuration.stages or ()
    order = {stage: position for position, stage in enumerate(all_stages)}
    used = {job.stage for job in chosen}
    present = {job.name for job in chosen}
    jobs = [_without_absent(job, present) for job in sorted(chosen, key=lambda job: order[job.stage])]
    stages = tuple(stage for stage in all_stages if stage in used)
    name = _name(configuration.workflow_name, _values(facts, pipeline_variables))
    return Compiled(PipelineDefinition(stages, tuple(jobs), name))


def _name(written: str | None, values: Mapping[str, str]) -> str | None:
    """`workflow:name` with its variables; unknown ones are empty, and so a name may come out as none."""
    name = expand(written, values.get).strip()[:NAME_LIMIT] if written else ""
    return name or None


def _values(facts: PushFacts, *layers: tuple[Variable, ...]) -> Mapping[str, str]:
    """What an expression sees: predefined below, YAML between, settings above."""
    values = {variable.key: variable.value for variable in facts.predefined}
    for layer in (*layers, facts.settings):
        values.update({variable.key: variable.value for variable in layer})
    return values


def _decide(
    draft: Draft, pipeline_variables: tuple[Variable, ...], facts: PushFacts, has_workflow: bool
) -> JobDefinition | None:
    """The job as it will be in this pipeline, or None when it is not in it."""
    job = replace(draft.definition, variables=_job_variables(draft, pipeline_variables))
    values = dict(_values(facts, job.variables))
    values.setdefault("CI_JOB_NAME", job.name)
    values.setdefault("CI_JOB_STAGE", job.stage)
    if draft.rules is not None:
        rule = first_match(draft.rules, values, facts)
        if rule is None or rule.when is When.NEVER:
            return None
        return _by_rule(job, rule, draft.explicit_allow_failure)
    only = draft.only
    if only is None and not has_workflow:
        only = DEFAULT_ONLY
    if only is not None and not wanted(only, facts, values):
        return None
    if draft.exception is not None and unwanted(draft.exception, facts, values):
        return None
    return job


def _job_variables(draft: Draft, pipeline_variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    wanted_names = draft.inherited_variables
    inherited = tuple(
        variable
        for variable in pipeline_variables
        if wanted_names is True or (wanted_names and variable.key in wanted_names)
    )
    return last_wins((*inherited, *draft.definition.variables))


def _by_rule(job: JobDefinition, rule: Rule, explicit: bool | None) -> JobDefinition:
    when = rule.when or job.when
    allow_failure = job.allow_failure
    exit_codes = job.allow_failure_exit_codes
    if rule.allow_failure is not None:
        allow_failure, exit_codes = rule.allow_failure, ()
    elif rule.when is When.MANUAL and job.when is not When.MANUAL and explicit is None:
        # Manual by a rule blocks the pipeline, manual by the job itself does not.
        allow_failure = False
    return replace(
        job,
        when=when,
        start_in=rule.start_in if rule.start_in is not None else job.start_in,
        allow_failure=allow_failure,
        allow_failure_exit_codes=exit_codes,
        variables=last_wins((*job.variables, *rule.variables)),
        interruptible=rule.interruptible if rule.interruptible is not None else job.interruptible,
    )


def _without_absent(job: JobDefinition, present: set[str]) -> JobDefinition:
    """Optional needs of jobs that are not in the pipeline fall away; so do such dependencies."""
    needs = job.needs
    if needs is not None:
        needs = tuple(need for need in needs if need.job in present)
    dependencies = job.dependencies
    if dependencies is not None:
        dependencies = tuple(name for name in dependencies if name in present)
    return replace(job, needs=needs, dependencies=dependencies)
