"""GitLab's own fixtures of its schema, where they lie beside the checkout: each ends as its compiler ends it.

A case is one top-level key of a file. What only shows a detail of a job gets a script.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.compiler.golden import facts_of

from shipline.compiler import compile_pipeline
from shipline.compiler.sources import LocalFiles

CORPUS = Path("shared") / "corpora" / "gitlab-schema"
SCRIPT = ["exit 0"]
KEYWORDS = ("image", "services", "stages", "before_script", "after_script", "variables", "cache", "include", "default",
            "workflow", "spec")  # fmt: skip
WHOLE = ("spec_inputs.yml", "job_inputs.yml", "on_job_failure.yml")

# Cases of the positive folder that GitLab 18.11's compiler refuses, and why.
REFUSED = {
    "environment.json: review_app 1": "its on_stop job is not there",
    "needs_parallel_matrix.yml: job_with_needs_parallel_matrix": "the job that it needs is not there",
    "needs_parallel_matrix.yml: job_with_needs_parallel_matrix_2": "the job that it needs is not there",
    "needs_parallel_matrix.yml: job_with_needs_parallel_matrix_3": "the job that it needs is not there",
    "rules_needs.yml: rspec_job": "the job that it needs is not there",
    "rules_needs.yml: job": "the jobs that it needs are not there",
    "trigger.yml: trigger-include-artifact-inputs": "the job with the artifact is not there",
    "include.yml: childPipeline": "it has a script as well",
    "include.yml: childPipeline2": "it has a script as well",
    "project_path.yml: include": "the projects are not there",
    "spec_inputs.yml: include": "the file is not there",
    "spec_inputs.yml: spec": "no inputs are given",
    "cache.yml: cache-key-files-ten": "newer than 18.11",
    "run.yml: step_using_action": "newer than 18.11",
}
# Cases of the negative folder that GitLab 18.11's compiler takes, and why.
TAKEN = {
    "include.yml: trigger missing project property": "a file alone is taken",
    "artifacts.yml: cyclonedx no paths": "null is as if it were not there",
    "image.yml: empty_image": "null is as if it were not there",
    "image.yml: image_with_empty_executor_opts": "null is as if it were not there",
    "image.yml: image_with_empty_executor_opts_kubernetes": "null is as if it were not there",
    "retry.yml: invalid_job_with_retry_exit_codes_duplicate": "twice is harmless",
    "rules.yml: rules-if-empty": "null is as if it were not there",
    "rules_needs.yml: lint_job": "null is as if it were not there",
    "secrets.yml: job_with_secrets_without_any_vault_provider": "the licensed edition checks it",
    "secrets.yml: job_with_secrets_with_extra_properties": "the licensed edition checks it",
    "secrets.yml: job_with_secrets_with_invalid_vault_property": "the licensed edition checks it",
    "secrets.yml: job_with_secrets_with_missing_required_vault_property": "the licensed edition checks it",
    "secrets.yml: job_with_secrets_with_missing_required_engine_property": "the licensed edition checks it",
    "secrets.yml: job_with_azure_key_vault_secrets_with_extra_properties": "the licensed edition checks it",
    "secrets.yml: job_with_secrets_with_invalid_azure_key_vault_property": "the licensed edition checks it",
    "secrets.yml: job_with_secrets_with_missing_required_azure_key_vault_property": "the licensed edition checks it",
    "secrets.yml: job_with_secrets_with_missing_required_name_property": "the licensed edition checks it",
    "services.yml: empty_services": "null is as if it were not there",
    "services.yml: empty_entrypoint": "an empty list is a list",
    "services.yml: empty_command": "an empty list is a list",
    "spec_inputs.yml: type_mismatch_string": "a number is a text too",
    "spec_inputs.yml: omitted_type_number_default": "a number is a text too",
    "spec_inputs.yml: omitted_type_boolean_default": "a boolean is a text too",
    "spec_inputs.yml: omitted_type_array_default": "an array is a text too",
    "spec_inputs.yml: trigger_invalid_input": "unwrapped, it is right",
    "trigger.yml: trigger-minimal-invalid-variable": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-minimal-leading-slash": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-minimal-no-slash": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-minimal-trailing-slash": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-project-invalid-variable": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-project-leading-slash": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-include-empty": "a file alone is taken",
    "trigger.yml: trigger-include-invalid": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-include-leading-slash": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-include-no-slash": "a project's path is checked when the pipeline is made",
    "trigger.yml: trigger-include-trailing-slash": "a project's path is checked when the pipeline is made",
}
# What other keys of the same file these need to be right.
SIBLINGS = {
    "filter.yml: deploy-without-only": {"deploy-template": {"script": SCRIPT}},
    "filter.yml: deploy-without-except": {"deploy-template": {"script": SCRIPT}},
}


def corpus() -> Path | None:
    for folder in Path(__file__).resolve().parents:
        if (folder.parent / CORPUS).is_dir():
            return folder.parent / CORPUS
    return None


def cases() -> Iterator[tuple[str, str, Any]]:
    """Kind (positive or negative), name and document."""
    folder = corpus()
    for file in sorted(folder.rglob("*_tests/**/*.*")) if folder is not None else ():
        if file.suffix not in (".yml", ".json"):
            continue
        kind = "positive" if "positive_tests" in file.parts else "negative"
        for key, value in yaml.safe_load(file.read_text()).items():
            yield kind, f"{file.name}: {key}", document(file.name, key, value, kind)


def document(file: str, key: str, value: Any, kind: str) -> Any:
    if kind == "negative" and file in WHOLE and isinstance(value, dict):
        return value
    if key == "stages" and kind == "positive":
        return {key: value, "job": {"stage": ".pre", "script": SCRIPT}}
    if key in KEYWORDS or key.startswith("."):
        return {key: value, "job": {"script": SCRIPT}}
    siblings = SIBLINGS.get(f"{file}: {key}", {})
    if not isinstance(value, dict):
        return {key: value}
    stages = {"stages": [value["stage"]]} if isinstance(value.get("stage"), str) else {}
    if not {"script", "run", "trigger"} & set(value):
        value = {**value, "script": SCRIPT}
    return {**stages, key: value, **siblings}


def text_of(written: dict[str, Any]) -> str:
    """With `spec` in a header of its own, in front of the configuration."""
    body = {key: value for key, value in written.items() if key != "spec"}
    text = yaml.safe_dump(body or {"job": {"script": SCRIPT}}, sort_keys=False)
    if "spec" not in written:
        return text
    return yaml.safe_dump({"spec": written["spec"]}, sort_keys=False) + "---\n" + text


def takes(written: dict[str, Any]) -> bool:
    files = {".gitlab-ci.yml": text_of(written).encode()}
    facts = dataclasses.replace(facts_of(files, {}), changed_since=lambda ref: frozenset({"a"}))
    compiled = compile_pipeline(".gitlab-ci.yml", files[".gitlab-ci.yml"], facts, LocalFiles(files))
    return not compiled.errors or compiled.filtered


CASES = list(cases())


if CASES:

    @pytest.mark.parametrize(
        ("kind", "name", "written"), CASES, ids=[f"{kind} {name}" for kind, name, _ in CASES]
    )
    def test_the_fixture_ends_as_with_gitlabs_own_compiler(kind: str, name: str, written: Any) -> None:
        exceptions = REFUSED if kind == "positive" else TAKEN
        assert takes(written) == ((kind == "positive") != (name in exceptions))
