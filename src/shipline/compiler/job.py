"""One job: its keywords read into a draft, which still holds its rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shipline.compiler.fields import Reader
from shipline.compiler.images import read_image, read_services
from shipline.compiler.nodes import Node
from shipline.compiler.rules import Only, Rule, read_only, read_rules
from shipline.model.definition import Artifacts, JobDefinition, Need, Retry, When

KEYS = (
    "script", "before_script", "after_script", "stage", "extends", "inherit", "image", "services", "tags",
    "variables", "rules", "only", "except", "when", "start_in", "allow_failure", "needs", "dependencies",
    "artifacts", "retry", "timeout", "interruptible",
)  # fmt: skip
UNSUPPORTED_KEYS = (
    "cache", "coverage", "environment", "hooks", "id_tokens", "identity", "inputs", "manual_confirmation",
    "pages", "parallel", "publish", "release", "resource_group", "run", "secrets", "trigger",
    "dast_configuration",
)  # fmt: skip
DEFAULT_KEYS = (
    "after_script", "artifacts", "before_script", "image", "interruptible", "retry", "services", "tags", "timeout",
)  # fmt: skip
UNSUPPORTED_DEFAULT_KEYS = ("cache", "hooks", "id_tokens", "identity")
JOB_WHENS = ("on_success", "on_failure", "always", "manual", "delayed")
REPORTS = (
    "accessibility", "annotations", "api_fuzzing", "browser_performance", "cluster_image_scanning",
    "codequality", "container_scanning", "coverage_fuzzing", "cyclonedx", "dast", "dependency_scanning",
    "dotenv", "junit", "license_scanning", "load_performance", "lsif", "metrics", "performance",
    "repository_xray", "requirements", "requirements_v2", "sast", "secret_detection", "terraform",
)  # fmt: skip
RETRY_WHENS = (
    "always", "unknown_failure", "script_failure", "api_failure", "stuck_or_timeout_failure",
    "runner_system_failure", "missing_dependency_failure", "runner_unsupported", "stale_schedule",
    "job_execution_timeout", "archived_failure", "unmet_prerequisites", "scheduler_failure",
    "data_integrity_failure",
)  # fmt: skip
NEEDS_LIMIT = 50
RETRY_LIMIT = 2
TAG_LIMIT = 50
# Rails' month: a twelfth of a year of 365.2425 days.
MONTH = 2_629_746
WEEK = 7 * 86400


@dataclass(frozen=True, slots=True)
class Draft:
    """A job as written. `definition` is right but for what its rules will say."""

    node: Node
    definition: JobDefinition
    rules: tuple[Rule, ...] | None
    only: Only | None
    exception: Only | None
    explicit_allow_failure: bool | None
    inherited_variables: bool | tuple[str, ...]


def with_defaults(node: Node, defaults: Node | None, reader: Reader) -> Node:
    """The job's own keys over those of `default`, which a key of the job replaces whole."""
    if defaults is None:
        return node
    wanted = _inherited(node, "default", reader)
    values, keys = dict(node.value), dict(node.keys)
    for key, item in defaults.value.items():
        own = values.get(key)
        if (own is None or own.value is None) and (wanted is True or (wanted and key in wanted)):
            values[key] = item
            keys[key] = defaults.keys.get(key, (item.line, item.column))
    return Node(values, node.file, node.line, node.column, keys)


def _inherited(node: Node, what: str, reader: Reader) -> bool | tuple[str, ...]:
    inherit = node.value.get("inherit")
    if inherit is None or inherit.value is None:
        return True
    if not isinstance(inherit.value, dict):
        reader.wrong(inherit, f"jobs:{reader.job}:inherit", "config should be a hash")
        return True
    item = inherit.value.get(what)
    if item is None or item.value is None:
        return True
    if isinstance(item.value, bool):
        return item.value
    return reader.texts(item, f"jobs:{reader.job}:inherit:{what}")


def read_job(name: str, node: Node, reader: Reader) -> Draft | None:
    """The draft; None when the job is not even a hash with a script. Everything wrong is reported."""
    path = f"jobs:{name}"
    reader.known_keys(node, path, KEYS, UNSUPPORTED_KEYS)
    if _script_missing(name, node, reader):
        return None
    for key in ("only", "except", "start_in"):
        item = node.value.get(key)
        if _set(node, "rules") and item is not None and item.value is not None:
            reader.wrong(node.key(key), path, f"config key may not be used with `rules`: {key}")
    when = _when(node, path, reader)
    explicit, exit_codes = _allow_failure(node, path, reader)
    definition = JobDefinition(
        name=name,
        stage=_stage(node, path, reader),
        script=reader.lines(node.value["script"], f"{path}:script") or (),
        before_script=reader.lines(node.value.get("before_script"), f"{path}:before_script") or (),
        after_script=reader.lines(node.value.get("after_script"), f"{path}:after_script") or (),
        image=read_image(reader, node.value["image"], f"{path}:image") if "image" in node.value else None,
        services=read_services(reader, node.value["services"], f"{path}:services")
        if "services" in node.value
        else (),
        variables=reader.variables(node.value.get("variables"), f"{path}:variables"),
        tags=_tags(node, path, reader),
        when=when,
        start_in=_start_in(node, path, when, reader),
        allow_failure=explicit if explicit is not None else when is When.MANUAL,
        allow_failure_exit_codes=exit_codes,
        needs=_needs(node, path, reader),
        dependencies=_dependencies(node, path, reader),
        artifacts=_artifacts(node, path, reader),
        retry=_retry(node, reader),
        timeout=_timeout(node, path, reader),
        interruptible=_boolean(node, "interruptible", path, reader),
    )
    return Draft(
        node=node,
        definition=definition,
        rules=read_rules(reader, node.value.get("rules"), f"{path}:rules"),
        only=read_only(reader, node.value.get("only"), f"{path}:only"),
        exception=read_only(reader, node.value.get("except"), f"{path}:except"),
        explicit_allow_failure=explicit,
        inherited_variables=_inherited(node, "variables", reader),
    )


def _set(node: Node, key: str) -> bool:
    return key in node.value and node.value[key].value is not None


def _script_missing(name: str, node: Node, reader: Reader) -> bool:
    script = node.value.get("script")
    if script is not None and script.value is not None and script.value not in ("", []):
        return False
    if any(key in node.value for key in ("run", "trigger")):
        return True  # already reported as not supported
    if script is not None:
        reader.wrong(script, f"jobs:{name}", "script can't be blank")
        return True
    # GitLab writes this one's path with blanks, and the job's own blanks as underscores.
    spaced = name.replace(" ", "_")
    text = f"jobs {spaced} config should implement the script:, run:, or trigger: keyword"
    reader.problems.add(node, text.lower(), job=name)
    return True


def _stage(node: Node, path: str, reader: Reader) -> str:
    item = node.value.get("stage")
    if item is None or item.value is None:
        return "test"
    return reader.text(item, f"{path}:stage") or "test"


def _when(node: Node, path: str, reader: Reader) -> When:
    item = node.value.get("when")
    if item is None or item.value is None:
        return When.ON_SUCCESS
    if item.value not in JOB_WHENS:
        reader.wrong(item, path, f"when should be one of: {', '.join(JOB_WHENS)}")
        return When.ON_SUCCESS
    return When(item.value)


def _start_in(node: Node, path: str, when: When, reader: Reader) -> int | None:
    item = node.value.get("start_in")
    if item is None or item.value is None:
        if when is When.DELAYED:
            reader.duration(node.key("when"), f"{path} start in", limit=WEEK)
        return None
    if when is not When.DELAYED:
        reader.wrong(item, path, "start in must be blank")
        return None
    return reader.duration(item, f"{path} start in", limit=WEEK)


def _allow_failure(node: Node, path: str, reader: Reader) -> tuple[bool | None, tuple[int, ...]]:
    item = node.value.get("allow_failure")
    if item is None or item.value is None:
        return None, ()
    if isinstance(item.value, bool):
        return item.value, ()
    if not isinstance(item.value, dict):
        reader.wrong(item, path, "allow failure should be a hash or a boolean value")
        return None, ()
    reader.known_keys(item, f"{path}:allow_failure", ("exit_codes",))
    return False, _integers(item.value.get("exit_codes"), f"{path}:allow_failure exit codes", reader)


def _integers(item: Node | None, path: str, reader: Reader) -> tuple[int, ...]:
    if item is None or item.value is None:
        return ()
    items = item.value if isinstance(item.value, list) else [item]
    numbers = [entry.value for entry in items]
    if any(not isinstance(number, int) or isinstance(number, bool) for number in numbers):
        reader.wrong(item, path, "should be an array of integers or an integer")
        return ()
    return tuple(numbers)


def _tags(node: Node, path: str, reader: Reader) -> tuple[str, ...]:
    item = node.value.get("tags")
    if item is None or item.value is None:
        return ()
    tags = tuple(dict.fromkeys(reader.texts(item, f"{path}:tags")))
    if len(tags) >= TAG_LIMIT:
        reader.wrong(item, f"{path}:tags", f"config must be less than the limit of {TAG_LIMIT} tags")
    return tags


def _needs(node: Node, path: str, reader: Reader) -> tuple[Need, ...] | None:
    item = node.value.get("needs")
    if item is None or item.value is None:
        return None
    if not isinstance(item.value, list):
        if isinstance(item.value, dict) and item.value:
            return tuple(need for need in [_need(item, path, reader)] if need)
        reader.wrong(item, f"{path}:needs", "config can only be a hash or an array")
        return None
    entries = [
        inner for entry in item for inner in (entry.value if isinstance(entry.value, list) else [entry])
    ]
    needs = [_need(entry, path, reader) for entry in entries]
    if len(needs) > NEEDS_LIMIT:
        text = f"{reader.job}: one job can only need {NEEDS_LIMIT} others, but you have listed {len(needs)}."
        reader.problems.add(item, f"{text} See needs keyword documentation for more details", job=reader.job)
    return tuple(need for need in needs if need)


def _need(entry: Node, path: str, reader: Reader) -> Need | None:
    if isinstance(entry.value, str):
        return Need(entry.value)
    if not isinstance(entry.value, dict):
        reader.wrong(entry, f"{path}:needs:need", "has an unsupported type")
        return None
    unsupported = ("project", "ref", "pipeline", "parallel")
    reader.known_keys(entry, f"{path}:needs:need", ("job", "artifacts", "optional"), unsupported)
    job = entry.value.get("job")
    if job is None or not isinstance(job.value, str):
        if not any(key in entry.value for key in unsupported):
            reader.wrong(entry, f"{path}:needs:need", "job can't be blank")
        return None
    return Need(
        job.value,
        artifacts=_boolean(entry, "artifacts", f"{path}:needs:need", reader, default=True),
        optional=_boolean(entry, "optional", f"{path}:needs:need", reader),
    )


def _dependencies(node: Node, path: str, reader: Reader) -> tuple[str, ...] | None:
    item = node.value.get("dependencies")
    if item is None or item.value is None:
        return None
    return reader.texts(item, path, "dependencies should be an array of strings")


def _boolean(node: Node, key: str, path: str, reader: Reader, *, default: bool = False) -> bool:
    item = node.value.get(key)
    if item is None or item.value is None:
        return default
    if isinstance(item.value, bool):
        return item.value
    reader.wrong(item, path, f"{key.replace('_', ' ')} should be a boolean value")
    return default


def _timeout(node: Node, path: str, reader: Reader) -> int | None:
    item = node.value.get("timeout")
    if item is None or item.value is None:
        return None
    return reader.duration(item, f"{path}:timeout config", limit=MONTH)


def _retry(node: Node, reader: Reader) -> Retry:
    item = node.value.get("retry")
    if item is None or item.value is None:
        return Retry()
    if isinstance(item.value, int) and not isinstance(item.value, bool):
        return Retry(_retry_max(item, "retry config", reader))
    if not isinstance(item.value, dict):
        reader.wrong(item, "retry", "config has to be either an integer or a hash")
        return Retry()
    reader.known_keys(item, "retry", ("max", "when", "exit_codes"))
    maximum = item.value.get("max")
    when = item.value.get("when")
    whens = (
        reader.text_or_texts(when, "retry when")
        if when is not None and when.value is not None
        else ("always",)
    )
    unknown = [word for word in whens if word not in RETRY_WHENS]
    if unknown and when is not None:
        text = f"contains unknown values: {', '.join(unknown)}"
        reader.wrong(
            when, "retry when", text if isinstance(when.value, list) else "is not included in the list"
        )
    exit_codes = _integers(item.value.get("exit_codes"), "retry exit codes", reader)
    if exit_codes and when is None:
        whens = ()
    return Retry(_retry_max(maximum, "retry max", reader) if maximum else RETRY_LIMIT, whens, exit_codes)


def _retry_max(item: Node, path: str, reader: Reader) -> int:
    if not isinstance(item.value, int) or isinstance(item.value, bool):
        reader.wrong(item, path, "is not a number")
    elif item.value > RETRY_LIMIT:
        reader.wrong(item, path, f"must be less than or equal to {RETRY_LIMIT}")
    elif item.value < 0:
        reader.wrong(item, path, "must be greater than or equal to 0")
    else:
        return item.value
    return 0


def _artifacts(node: Node, path: str, reader: Reader) -> Artifacts | None:
    item = node.value.get("artifacts")
    if item is None or item.value is None:
        return None
    path = f"{path}:artifacts"
    if not isinstance(item.value, dict):
        reader.wrong(item, path, "config should be a hash")
        return None
    known = ("paths", "exclude", "name", "untracked", "when", "expire_in", "reports")
    reader.known_keys(item, path, known, ("expose_as", "public", "access"))

    def texts(key: str) -> tuple[str, ...]:
        entry = item.value.get(key)
        if entry is None or entry.value is None:
            return ()
        return reader.texts(entry, path, f"{key} should be an array of strings")

    when = item.value.get("when")
    whens = ("on_success", "on_failure", "always")
    if when is not None and when.value not in whens:
        reader.wrong(when, path, f"when should be one of: {', '.join(whens)}")
        when = None
    expire_in = item.value.get("expire_in")
    if expire_in is not None and expire_in.value != "never":
        reader.duration(expire_in, f"{path} expire in")
    name = item.value.get("name")
    return Artifacts(
        paths=texts("paths"),
        exclude=texts("exclude"),
        name=reader.text(name, f"{path} name") if name is not None and name.value is not None else None,
        untracked=_boolean(item, "untracked", path, reader),
        when=when.value if when is not None else "on_success",
        expire_in=str(expire_in.value) if expire_in is not None else None,
        reports=_reports(item, path, reader),
    )


def _reports(node: Node, path: str, reader: Reader) -> tuple[tuple[str, tuple[str, ...]], ...]:
    item = node.value.get("reports")
    if item is None or item.value is None:
        return ()
    path = f"{path}:reports"
    if not isinstance(item.value, dict):
        reader.wrong(item, path, "config should be a hash")
        return ()
    reader.known_keys(item, path, REPORTS, ("coverage_report",))
    return tuple(
        (kind, reader.text_or_texts(entry, f"{path} {kind}"))
        for kind, entry in item.value.items()
        if kind in REPORTS and entry.value is not None
    )
