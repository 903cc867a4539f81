"""Parallel jobs become jobs of their own, and needs and dependencies of them name those. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from shipline.compiler.job import Draft
from shipline.compiler.keywords.needs import WrittenNeed
from shipline.compiler.keywords.parallel import Row, combinations, instance_name
from shipline.compiler.problems import Problems
from shipline.model.definition import JobDefinition, Need
from shipline.model.variable import Variable, last_wins

_MATRIX = re.compile(r"\$\[\[\s*matrix\.([^\s\]]+)\s*\]\]")


@dataclass(frozen=True, slots=True)
class Instance:
    """A job as the pipeline may get it. `draft` is where it is written."""

    draft: Draft
    definition: JobDefinition


def expand_parallel(drafts: Iterable[Draft], problems: Problems) -> tuple[Instance, ...]:
    """All instances; of equal names the last stays, at the place of the first."""
    listed = tuple(drafts)
    made = {draft.definition.name: _definitions(draft) for draft in listed}
    names = {
        name: tuple(definition.name for definition, _ in definitions)
        for name, definitions in made.items()
        if definitions is not None
    }
    found: dict[str, Instance] = {}
    for draft in listed:
        definitions = made[draft.definition.name]
        for definition, values in definitions if definitions is not None else [(draft.definition, {})]:
            found[definition.name] = Instance(draft, _linked(draft, definition, values, names, problems))
    return tuple(found.values())


def _definitions(draft: Draft) -> list[tuple[JobDefinition, dict[str, str]]] | None:
    """Each instance with its values of the matrix; None for a job that is not parallel."""
    parallel, job = draft.parallel, draft.definition
    if parallel is None:
        return None
    if parallel.matrix is None:
        total = parallel.number
        return [
            (replace(job, name=f"{job.name} {n}/{total}", group=job.name, node_index=n, node_total=total), {})
            for n in range(1, total + 1)
        ]
    rows = list(combinations(parallel.matrix))
    return [
        (
            replace(
                job,
                name=instance_name(job.name, values),
                group=job.name,
                node_index=index,
                node_total=len(rows),
                variables=last_wins(
                    (*job.variables, *(Variable(key, value) for key, value in values.items()))
                ),
            ),
            values,
        )
        for index, values in enumerate(rows, 1)
    ]


def _linked(
    draft: Draft,
    definition: JobDefinition,
    values: Mapping[str, str],
    names: Mapping[str, tuple[str, ...]],
    problems: Problems,
) -> JobDefinition:
    """With needs and dependencies by the names of instances."""
    if draft.needs is None and draft.dependencies is None:
        return definition
    needs: tuple[Need, ...] | None = None
    if draft.needs is not None and (draft.needs.jobs or draft.needs.mirror is None):
        needs = tuple(
            Need(name, need.artifacts, need.optional)
            for need in draft.needs.jobs
            for name in _named(draft, definition, need, values, names, problems)
        )
    dependencies = None
    if draft.dependencies is not None:
        dependencies = tuple(instance for name in draft.dependencies for instance in names.get(name, (name,)))
    return replace(definition, needs=needs, dependencies=dependencies)


def _named(
    draft: Draft,
    definition: JobDefinition,
    need: WrittenNeed,
    values: Mapping[str, str],
    names: Mapping[str, tuple[str, ...]],
    problems: Problems,
) -> Iterable[str]:
    if need.matrix is None:
        return names.get(need.job, (need.job,))
    matrix = tuple(_filled(draft, definition, need, row, values, problems) for row in need.matrix)
    return (instance_name(need.job, row) for row in combinations(matrix))


def _filled(
    draft: Draft,
    definition: JobDefinition,
    need: WrittenNeed,
    row: Row,
    values: Mapping[str, str],
    problems: Problems,
) -> Row:
    """The row with every `$[[ matrix.X ]]` replaced by the value that this instance has."""

    def value(match: re.Match[str]) -> str:
        if match[1] in values:
            return values[match[1]]
        text = f"{definition.name} job: '{match[1]}' does not exist in matrix configuration"
        problems.add(need.node, text, job=draft.definition.name)
        return match[0]

    return {
        key: tuple(_MATRIX.sub(value, item) if "$[[" in item else item for item in items)
        for key, items in row.items()
    }
