"""One job: its keywords read into a draft, which still holds its rules and its matrix. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from shipline.compiler.defaults import Defaults, inherited
from shipline.compiler.fields import BOOLEAN, STRINGS, Fields, Reader, is_blank
from shipline.compiler.keywords.coverage import read_coverage
from shipline.compiler.keywords.environment import read_environment
from shipline.compiler.keywords.inputs import read_inputs
from shipline.compiler.keywords.needs import OF_JOB, OF_TRIGGER, WrittenNeeds, read_needs
from shipline.compiler.keywords.only import Only, read_only
from shipline.compiler.keywords.pages import read_pages
from shipline.compiler.keywords.parallel import Parallel, read_parallel
from shipline.compiler.keywords.release import read_release
from shipline.compiler.keywords.scripts import read_run
from shipline.compiler.keywords.tokens import read_secrets
from shipline.compiler.keywords.trigger import read_trigger
from shipline.compiler.keywords.variables import read_variables
from shipline.compiler.nodes import Node
from shipline.compiler.rules import Rule, read_rules
from shipline.model.definition import Artifacts, JobDefinition, Pages, When

COMMON_KEYS = (
    "extends", "stage", "only", "except", "rules", "variables", "inherit", "allow_failure", "when", "needs",
    "resource_group", "environment", "interruptible",
)  # fmt: skip
KEYS = (
    *COMMON_KEYS, "tags", "script", "image", "services", "start_in", "artifacts", "cache", "dependencies",
    "before_script", "after_script", "hooks", "coverage", "retry", "parallel", "timeout", "release", "id_tokens",
    "publish", "pages", "manual_confirmation", "run", "inputs", "secrets", "identity", "dast_configuration",
)  # fmt: skip
TRIGGER_KEYS = (*COMMON_KEYS, "trigger", "parallel")
WHENS = ("on_success", "on_failure", "always", "manual", "delayed")
TRIGGER_WHENS = ("on_success", "on_failure", "always", "manual")
EXCLUSIVE = (("script", "trigger"), ("run", "trigger"), ("script", "run"), ("before_script", "run"),
             ("after_script", "run"))  # fmt: skip
STARTERS = ("script", "run", "trigger", "needs")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Draft:
    """A job as written. `definition` is right but for its needs, dependencies and instances, and for what its
    rules will say."""

    node: Node
    definition: JobDefinition
    rules: tuple[Rule, ...] | None
    only: Only | None
    exception: Only | None
    explicit_allow_failure: bool | None
    inherited_variables: bool | tuple[str, ...]
    needs: WrittenNeeds | None
    dependencies: tuple[str, ...] | None
    parallel: Parallel | None


def is_job(node: Node) -> bool:
    """Whether a hash is a job: something runs, or is triggered."""
    return isinstance(node.value, dict) and any(key in node.value for key in STARTERS)


def read_job(name: str, node: Node, reader: Reader, defaults: Defaults) -> Draft:
    """The draft of what `is_job`. Everything wrong is reported."""
    path = f"jobs:{name}"
    runs = "script" in node.value or "run" in node.value
    reader.known_keys(node, path, KEYS if runs else TRIGGER_KEYS)
    fields = Fields(reader, node, path)
    for keys in EXCLUSIVE:
        reader.exclusive(node, path, keys)
    has_rules = fields.given("rules") is not None
    if has_rules:
        _no_other_conditions(fields)
    when = When(fields.choice("when", WHENS if runs else TRIGGER_WHENS) or When.ON_SUCCESS)
    explicit, exit_codes = _allow_failure(fields, runs)
    needs = _read(
        fields, "needs", lambda item, at: read_needs(reader, item, at, OF_JOB if runs else OF_TRIGGER)
    )
    stage = _read(fields, "stage", reader.text)
    values: dict[str, Any] = {
        "name": name,
        "stage": "test" if stage is None else stage,
        "script": (),
        "variables": read_variables(reader, fields.given("variables"), f"{path}:variables"),
        "when": when,
        "start_in": _start_in(fields, when, has_rules) if runs else None,
        "allow_failure": explicit if explicit is not None else when is When.MANUAL,
        "allow_failure_exit_codes": exit_codes,
        "environment": _read(fields, "environment", lambda item, at: read_environment(reader, item, at)),
        "resource_group": fields.text("resource_group"),
        "cross_needs": _cross_needs(needs),
    }
    takes, taken_variables = inherited(reader, node, path)
    values.update(defaults.values(fields, takes, runs=runs))
    dependencies: tuple[str, ...] | None = None
    if runs:
        dependencies = _dependencies(fields, needs)
        values.update(_of_script(name, fields, reader))
        values["artifacts"] = _with_site(values.get("artifacts"), values["pages"])
    else:
        trigger = _read(fields, "trigger", lambda item, at: read_trigger(reader, item, at))
        values["trigger"] = trigger
        if fields.given("trigger") is None and (needs is None or needs.mirror is None):
            reader.wrong(node, path, "config should contain either a trigger or a needs:pipeline")
    return Draft(
        node=node,
        definition=JobDefinition(**values),
        rules=read_rules(reader, node.value.get("rules"), f"{path}:rules"),
        only=_read(fields, "only", lambda item, at: read_only(reader, item, at)),
        exception=_read(fields, "except", lambda item, at: read_only(reader, item, at)),
        explicit_allow_failure=explicit,
        inherited_variables=taken_variables,
        needs=needs,
        dependencies=dependencies,
        parallel=_read(fields, "parallel", lambda item, at: read_parallel(reader, item, at, numbers=runs)),
    )


def _read(fields: Fields, key: str, read: Callable[[Node, str], _Value]) -> _Value | None:
    item = fields.given(key)
    return read(item, f"{fields.path}:{key}") if item is not None else None


def _of_script(name: str, fields: Fields, reader: Reader) -> Mapping[str, Any]:
    """What only a job with a script (or `run`) has."""
    node, path = fields.node, fields.path
    script = node.value.get("script")
    if script is not None and is_blank(script.plain()):
        reader.wrong(script, path, "script can't be blank")
        script = None
    given = fields.given
    pages = read_pages(reader, name, node.value.get("pages"), node.value.get("publish"), path)
    secrets, dast = given("secrets"), given("dast_configuration")
    run = given("run")
    return {
        "script": reader.lines(script, f"{path}:script") or (),
        "run": read_run(reader, run, path) if run is not None else (),
        "manual_confirmation": fields.text("manual_confirmation"),
        "coverage": _read(fields, "coverage", lambda item, at: read_coverage(reader, item, at)),
        "release": _read(fields, "release", lambda item, at: read_release(reader, item, at)),
        "pages": pages,
        "inputs": _read(fields, "inputs", lambda item, at: read_inputs(reader, item, at)) or (),
        "secrets": read_secrets(reader, secrets, f"{path}:secrets") if secrets is not None else {},
        "dast_configuration": read_secrets(reader, dast, f"{path}:dast_configuration")
        if dast is not None
        else {},
    }


def _with_site(artifacts: Artifacts | None, pages: Pages | None) -> Artifacts | None:
    """A site is published from the job's artifacts."""
    if pages is None or (artifacts is not None and pages.publish in artifacts.paths):
        return artifacts
    whole = artifacts or Artifacts()
    return replace(whole, paths=(*whole.paths, pages.publish))


def _no_other_conditions(fields: Fields) -> None:
    found = [key for key in fields.node.value if key in ("only", "except", "start_in") and fields.given(key)]
    if found:
        text = f"config key may not be used with `rules`: {', '.join(found)}"
        fields.reader.wrong(fields.node.key(found[0]), fields.path, text)


def _start_in(fields: Fields, when: When, has_rules: bool) -> int | None:
    item = fields.given("start_in")
    seconds = None
    if when is When.DELAYED:
        place = item or fields.node.key("when")
        limit = fields.reader.limits.start_in_seconds
        seconds = fields.reader.duration(place, f"{fields.path} start in", limit=limit)
    if item is not None and not is_blank(item.plain()) and (has_rules or when is not When.DELAYED):
        fields.wrong("start_in", "must be blank")
    return seconds


def _allow_failure(fields: Fields, runs: bool) -> tuple[bool | None, tuple[int, ...]]:
    item = fields.given("allow_failure")
    if item is None:
        return None, ()
    if isinstance(item.value, bool):
        return item.value, ()
    if not runs or not isinstance(item.value, dict):
        fields.wrong("allow_failure", "should be a hash or a boolean value" if runs else BOOLEAN)
        return None, ()
    path = f"{fields.path}:allow_failure"
    fields.reader.known_keys(item, path, ("exit_codes",))
    return False, Fields(fields.reader, item, path).integers("exit_codes")


def _cross_needs(needs: WrittenNeeds | None) -> tuple[Any, ...]:
    if needs is None:
        return ()
    return needs.others + ((needs.mirror,) if needs.mirror is not None else ())


def _dependencies(fields: Fields, needs: WrittenNeeds | None) -> tuple[str, ...] | None:
    item = fields.given("dependencies")
    if item is None:
        return None
    names = fields.reader.texts(item, fields.path, f"dependencies {STRINGS}")
    if names and needs is not None and needs.jobs:
        needed = {need.job for need in needs.jobs}
        missing = [name for name in names if name not in needed]
        if missing:
            fields.wrong("dependencies", f"the {', '.join(missing)} should be part of needs")
    elif names and needs is not None and needs.others:
        fields.wrong("needs", "corresponding to dependencies must be from the same pipeline")
    return names
