"""The whole configuration read: global keys, and every job as a draft. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from shipline.compiler.defaults import read_defaults
from shipline.compiler.fields import Fields, Reader, is_blank
from shipline.compiler.job import Draft, is_job, read_job
from shipline.compiler.keywords.variables import GLOBAL_DATA, read_variables
from shipline.compiler.keywords.workflow import read_auto_cancel, read_name
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.rules import Rule, read_rules
from shipline.compiler.spelling import closest
from shipline.model.definition import AutoCancel, When
from shipline.model.variable import Variable

DEFAULT_STAGES = ("build", "test", "deploy")
# These are keywords whatever they hold.
KEYWORDS = (
    "image", "services", "stages", "before_script", "after_script", "variables", "cache", "include",
)  # fmt: skip
# These are, unless they hold what makes a job.
KEYWORDS_OR_JOBS = ("default", "workflow")
SEVERAL_PIPELINES = (
    "may allow multiple pipelines to run for a single action due to `rules:when` clause with no "
    "`workflow:rules` - read more: https://docs.gitlab.com/ee/ci/jobs/job_troubleshooting.html"
    "#job-may-allow-multiple-pipelines-to-run-for-a-single-action-warning"
)


@dataclass(frozen=True, slots=True)
class Workflow:
    """`rules` None: there are none."""

    rules: tuple[Rule, ...] | None = None
    name: str | None = None
    auto_cancel: AutoCancel = field(default_factory=AutoCancel)


@dataclass(frozen=True, slots=True)
class Configuration:
    """`stages` is None when they cannot be told; `unreadable` are names of what is no job."""

    stages: tuple[str, ...] | None
    variables: tuple[Variable, ...]
    workflow: Workflow
    drafts: tuple[Draft, ...]
    unreadable: frozenset[str]
    warnings: tuple[Problem, ...]


def read_configuration(root: Node, problems: Problems, limits: Limits) -> Configuration:
    """Every error of every node is told; GitLab itself hides those below a faulty node."""
    warnings = Problems(limits.problems)
    reader = Reader(problems, limits=limits, notes=warnings)
    keywords = {
        key: root.value[key] for key in KEYWORDS_OR_JOBS if key in root.value and not is_job(root.value[key])
    }
    defaults = read_defaults(reader, root, keywords.get("default"))
    workflow = _workflow(reader, keywords.get("workflow"))
    drafts: list[Draft] = []
    visible = False
    for name, node in root.value.items():
        if name in KEYWORDS or name in keywords:
            continue
        if name.startswith("."):
            if is_blank(node.plain()):
                reader.wrong(root.key(name), f"jobs:{name}", "config can't be blank")
            continue
        of_job = Reader(problems, name, limits, warnings)
        if len(name) > limits.job_name:
            text = f"name is too long (maximum is {limits.job_name} characters)"
            of_job.wrong(root.key(name), f"jobs:{name}", text)
        if name in root.odd_keys:
            of_job.wrong(root.key(name), f"jobs:{name}", "name should be a symbol")
        if not is_job(node):
            # GitLab writes this one's path with blanks, and the name's own blanks as underscores.
            text = "config should implement the script:, run:, or trigger: keyword"
            of_job.wrong(root.key(name), f"jobs {name.replace(' ', '_')}", text, hint=_hint(node))
            continue
        visible = True
        before = len(problems.found)
        draft = read_job(name, node, of_job, defaults)
        drafts.append(draft)
        is_right = len(problems.found) == before and not problems.full
        if workflow.rules is None and is_right and _may_run_twice(draft):
            warnings.add(
                draft.rules[-1].node if draft.rules else node, f"jobs:{name} {SEVERAL_PIPELINES}", job=name
            )
    if not visible:
        problems.add(root, "jobs config should contain at least one visible job")
    return Configuration(
        stages=_stages(reader, root.value.get("stages")),
        variables=read_variables(reader, root.value.get("variables"), "variables", GLOBAL_DATA),
        workflow=workflow,
        drafts=tuple(drafts),
        unreadable=frozenset(root.value) - {draft.definition.name for draft in drafts},
        warnings=warnings.in_order(),
    )


def _hint(node: Node) -> str:
    """For what would be a job, were it not for a misspelt key."""
    for key in node.value if isinstance(node.value, dict) else ():
        if guess := closest(key, ("script", "trigger")):
            return f"{key!r}: {guess}"
    return ""


def _may_run_twice(draft: Draft) -> bool:
    last = draft.rules[-1] if draft.rules else None
    return last is not None and list(last.node.value) == ["when"] and last.when is not When.NEVER


def _stages(reader: Reader, node: Node | None) -> tuple[str, ...] | None:
    if node is None or node.value is None:
        return (".pre", *DEFAULT_STAGES, ".post")
    stages = reader.nested_texts(node)
    if stages is None:
        most = reader.limits.nesting_levels
        text = f"config should be an array of strings or a nested array of strings up to {most} levels deep"
        reader.wrong(node, "stages", text)
        return None
    own = [stage for stage in dict.fromkeys(stages) if stage not in (".pre", ".post")]
    return (".pre", *own, ".post") if stages else ()


def _workflow(reader: Reader, node: Node | None) -> Workflow:
    if node is None or node.value is None or not reader.is_hash(node, "workflow"):
        return Workflow()
    reader.known_keys(node, "workflow", ("rules", "name", "auto_cancel"))
    fields = Fields(reader, node, "workflow")
    name, auto_cancel = fields.given("name"), fields.given("auto_cancel")
    cancelling = (
        read_auto_cancel(reader, auto_cancel, "workflow:auto_cancel") if auto_cancel is not None else None
    )
    return Workflow(
        rules=read_rules(reader, node.value.get("rules"), "workflow:rules", workflow=True),
        name=read_name(reader, name, "workflow:name") if name is not None else None,
        auto_cancel=cancelling or AutoCancel(),
    )
