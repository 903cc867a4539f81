"""`needs` and `dependencies` as they are written; names of parallel jobs still stand for all instances. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shipline.compiler.fields import Fields, Reader, flat, is_blank
from shipline.compiler.keywords.parallel import Row, read_parallel
from shipline.compiler.nodes import Node
from shipline.model.definition import CrossNeed

JOB_KEYS = ("job", "artifacts", "optional", "parallel")
PIPELINE_KEYS = ("pipeline", "job", "artifacts")
PROJECT_KEYS = ("project", "ref", "job", "artifacts")
MIRROR_KEYS = ("pipeline", "optional")


@dataclass(frozen=True, slots=True)
class WrittenNeed:
    """`matrix`: only the instances with these values."""

    job: str
    node: Node
    artifacts: bool = True
    optional: bool = False
    matrix: tuple[Row, ...] | None = None


@dataclass(frozen=True, slots=True)
class WrittenNeeds:
    """`jobs` of this pipeline, `others` of other ones; `mirror` is another pipeline whose status a job takes."""

    jobs: tuple[WrittenNeed, ...] = ()
    others: tuple[CrossNeed, ...] = ()
    mirror: CrossNeed | None = None


# The kinds of needs, in GitLab's words, that a job, a trigger and a rule can have.
OF_JOB = ("job", "cross_dependency")
OF_TRIGGER = ("job", "bridge")
OF_RULE = ("job",)


def read_needs(
    reader: Reader, node: Node, path: str, allowed: tuple[str, ...] = OF_JOB
) -> WrittenNeeds | None:
    if not isinstance(node.value, (list, dict)):
        if is_blank(node.value):
            reader.wrong(node, path, "config can't be blank")
        reader.wrong(node, path, "config can only be a hash or an array")
        return None
    if node.value == {}:
        reader.wrong(node, path, "config can't be blank")
        return None
    entries = flat(node, reader.limits.nesting_levels) if isinstance(node.value, list) else [node]
    found = [_need(reader, entry, f"{path}:need") for entry in entries]
    jobs = tuple(need for need in found if isinstance(need, WrittenNeed))
    others = tuple(need for need in found if isinstance(need, CrossNeed) and need.job is not None)
    mirrors = [need for need in found if isinstance(need, CrossNeed) and need.job is None]
    kinds = {"job": jobs, "cross_dependency": others, "bridge": mirrors}
    wrong = [kind for kind, needs in kinds.items() if needs and kind not in allowed]
    if wrong:
        reader.wrong(node, path, f"config uses invalid types: {', '.join(wrong)}")
    elsewhere = sum(need.project is not None for need in others)
    _check_limit(reader, node, path, elsewhere, reader.limits.needs_projects)
    _check_limit(reader, node, path, len(others) - elsewhere, reader.limits.needs_pipelines)
    return WrittenNeeds(jobs, others, mirrors[0] if len(mirrors) == 1 else None)


def _check_limit(reader: Reader, node: Node, path: str, count: int, limit: int) -> None:
    if count > limit:
        reader.wrong(node, path, f"config must be less than or equal to {limit}")


def _need(reader: Reader, node: Node, path: str) -> WrittenNeed | CrossNeed | None:
    if isinstance(node.value, str):
        if is_blank(node.value):
            reader.wrong(node, path, "config can't be blank")
        return WrittenNeed(node.value, node)
    if not isinstance(node.value, dict):
        reader.wrong(node, path, "has an unsupported type")
        return None
    keys = node.value.keys()
    if "job" in keys and not keys & {"project", "ref", "pipeline"}:
        return _job_need(reader, node, path)
    if "job" in keys and "pipeline" in keys and "project" not in keys:
        fields = _checked(reader, node, path, PIPELINE_KEYS)
        pipeline = fields.required_text("pipeline")
        return CrossNeed(fields.required_text("job"), _artifacts(fields), pipeline=pipeline)
    if "project" in keys:
        fields = _checked(reader, node, path, PROJECT_KEYS)
        job, project, ref = (fields.required_text(key) for key in ("job", "project", "ref"))
        return CrossNeed(job, _artifacts(fields), project=project, ref=ref)
    if "pipeline" in keys and "job" not in keys:
        fields = _checked(reader, node, path, MIRROR_KEYS)
        optional = fields.boolean("optional") or False
        return CrossNeed(pipeline=fields.required_text("pipeline"), optional=optional)
    reader.wrong(node, path, "has an unsupported type")
    return None


def _checked(reader: Reader, node: Node, path: str, keys: tuple[str, ...]) -> Fields:
    reader.known_keys(node, path, keys)
    return Fields(reader, node, path)


def _artifacts(fields: Fields) -> bool:
    return fields.boolean("artifacts") is not False


def _job_need(reader: Reader, node: Node, path: str) -> WrittenNeed:
    fields = _checked(reader, node, path, JOB_KEYS)
    written = fields.given("parallel")
    parallel = (
        read_parallel(reader, written, f"{path}:parallel", numbers=False, of_need=True)
        if written is not None
        else None
    )
    return WrittenNeed(
        fields.required_text("job"),
        node,
        artifacts=_artifacts(fields),
        optional=fields.boolean("optional") or False,
        matrix=parallel.matrix if parallel is not None else None,
    )
