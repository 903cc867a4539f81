"""Jobs, problems and pipelines as plain documents for programs. Pure.

Where GitLab's CI lint API has a field, absent is as there: lists of commands and tags are never null, `needs`
and `environment` are null when the job says nothing of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from shipline.compiler.present.written import Written
from shipline.compiler.problems import Problem
from shipline.model.definition import JobDefinition
from shipline.model.variable import Variable


def job_document(job: JobDefinition, written: Written) -> dict[str, Any]:
    """What a job will be. The first keys are fixed; then whatever else the definition has, by its own names.

    As GitLab's compiler has them: `start_in` in the words of the file, `coverage` without its slashes,
    `interruptible` null where nobody said anything of it.
    """
    start_in = written.value(job, "start_in") if job.start_in is not None else None
    named: dict[str, Any] = {
        "name": job.name,
        "stage": job.stage,
        "image": job.image.name if job.image is not None else None,
        "script": list(job.script),
        "before_script": list(job.before_script),
        "after_script": list(job.after_script),
        "tags": list(job.tags),
        "variables": variables_document(job.variables),
        "when": str(job.when),
        "start_in": start_in.plain() if start_in is not None else None,
        "allow_failure": job.allow_failure,
        "needs": None if job.needs is None else [need.job for need in job.needs],
        "dependencies": None if job.dependencies is None else list(job.dependencies),
        "coverage": job.coverage[1:-1] if job.coverage is not None else None,
        "interruptible": job.interruptible if written.value(job, "interruptible") is not None else None,
        "environment": job.environment.name if job.environment is not None else None,
    }
    more = {key: plain(value) for key, value in _others(job, named)}
    if job.image is not None:
        more |= {f"image_{key}": plain(value) for key, value in _others(job.image, ("name",))}
    if job.environment is not None:
        more |= {f"environment_{key}": plain(value) for key, value in _others(job.environment, ("name",))}
    return named | more


def variables_document(variables: tuple[Variable, ...]) -> dict[str, str]:
    return {variable.key: variable.value for variable in variables}


def problem_document(problem: Problem) -> dict[str, Any]:
    """`line` and `column` count from 1; null where there is no place in a file."""
    return {
        "message": problem.message,
        "file": problem.file or None,
        "line": problem.line or None,
        "column": problem.column or None,
        "job": problem.job,
        "hint": problem.hint or None,
        "ours": problem.ours,
    }


def plain(value: Any) -> Any:
    """Any part of a definition as JSON's own types."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (tuple, list)):
        if value and isinstance(value[0], Variable):
            return variables_document(tuple(value))
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if is_dataclass(value):
        return {name: plain(getattr(value, name)) for name, _ in _fields(type(value))}
    return str(value)


def _others(value: Any, known: Collection[str]) -> list[tuple[str, Any]]:
    """The fields that are not among `known` and are not as usual."""
    return [
        (name, item)
        for name, usual in _fields(type(value))
        if name not in known and (item := getattr(value, name)) is not usual and item != usual
    ]


_KNOWN: dict[type[Any], tuple[tuple[str, Any], ...]] = {}


def _fields(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    """Names and usual values of a dataclass, looked up once: there are thousands of jobs."""
    found = _KNOWN.get(kind)
    if found is None:
        found = _KNOWN[kind] = tuple(
            (field.name, field.default if field.default_factory is MISSING else field.default_factory())
            for field in fields(kind)
        )
    return found
