"""`inputs` of a job: the values it is started with, held to what it says of them, and put into it. Pure.

Docs: https://docs.gitlab.com/ci/jobs/job_inputs
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from shipline.compiler.expression import compiled
from shipline.errors import ShiplineError
from shipline.model.definition import JobDefinition, JobInput

_DEFINITION = TypeAdapter(JobDefinition)
_BLOCK = re.compile(r"\$\{\{\s*job\.inputs\.([\w-]+)\s*\}\}")
# Where a runner would expand the job's variables too.
PLACES = ("before_script", "script", "after_script", "image", "services", "artifacts", "cache")
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "boolean": bool,
    "array": list,
}
_ARTICLES = {"string": "a string", "number": "a number", "boolean": "a boolean", "array": "an array"}
VALUE_LIMIT = 100_000


class InvalidInputs(ShiplineError):
    code = "invalid_inputs"


def checked_inputs(definition: JobDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were given, each of its input's type. Raises InvalidInputs."""
    known = {one.name: one for one in definition.inputs}
    unknown = [name for name in given if name not in known]
    if unknown:
        listed = ", ".join(known) or "none"
        raise InvalidInputs(f"unknown input arguments: {', '.join(unknown)}; {definition.name} has: {listed}")
    return {name: _checked(known[name], value) for name, value in given.items()}


def values(definition: JobDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """All inputs of the job: given ones, and the defaults of the others."""
    return {one.name: given.get(one.name, one.default) for one in definition.inputs}


def with_inputs(definition: JobDefinition, given: Mapping[str, Any]) -> JobDefinition:
    """The job with its inputs' values in place of `${{ job.inputs.NAME }}`, for a runner that does not know
    inputs."""
    if not definition.inputs:
        return definition
    found = values(definition, given)

    def put(value: Any) -> Any:
        if isinstance(value, str):
            return _BLOCK.sub(lambda match: text(found[match[1]]) if match[1] in found else match[0], value)
        if isinstance(value, list):
            return [put(item) for item in value]
        if isinstance(value, dict):
            return {key: put(item) for key, item in value.items()}
        return value

    plain = _DEFINITION.dump_python(definition, mode="json")
    return _DEFINITION.validate_python(plain | {key: put(plain[key]) for key in PLACES} | {"inputs": []})


def with_values(definition: JobDefinition, given: Mapping[str, Any]) -> JobDefinition:
    """The job for a runner that puts the values in itself: they stand where the defaults stood."""
    found = values(definition, given)
    inputs = tuple(replace(one, default=found[one.name]) for one in definition.inputs)
    return replace(definition, inputs=inputs)


def text(value: Any) -> str:
    """A value inside a longer text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _checked(one: JobInput, given: Any) -> Any:
    value = _read(one.type, given)
    expected = _TYPES.get(one.type, str)
    if not isinstance(value, expected) or (one.type == "number" and isinstance(value, bool)):
        raise InvalidInputs(f"`{one.name}` input: provided value is not {_ARTICLES.get(one.type, one.type)}")
    if len(text(value)) > VALUE_LIMIT:
        raise InvalidInputs(f"`{one.name}` input: provided value is longer than {VALUE_LIMIT} characters")
    if one.options and value not in one.options:
        shown = text(value)[:100]
        raise InvalidInputs(
            f"`{one.name}` input: `{shown}` cannot be used because it is not in the list of allowed options"
        )
    if one.regex is not None:
        pattern = compiled(one.regex)
        if pattern is None or not isinstance(value, str) or pattern.search(value) is None:
            raise InvalidInputs(f"`{one.name}` input: provided value does not match required RegEx pattern")
    return value


def _read(kind: str, value: Any) -> Any:
    """A text for an input of another type is read as JSON."""
    if kind == "string" or not isinstance(value, str):
        return text(value) if kind == "string" and isinstance(value, int | float) else value
    try:
        return json.loads(value, parse_constant=lambda _: value)
    except (ValueError, RecursionError):
        return value
