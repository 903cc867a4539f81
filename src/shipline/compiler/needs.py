"""What jobs say of one another: stages, needs, dependencies. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from shipline.compiler.job import Draft
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.model.definition import JobDefinition


def check_graph(
    stages: tuple[str, ...], drafts: tuple[Draft, ...], unreadable: Collection[str], problems: Problems
) -> None:
    """Stages exist, needs and dependencies are jobs of this or earlier stages, nothing goes in a circle.

    Nothing is said of needs of `unreadable` jobs: they have been told already.
    """
    order = {stage: position for position, stage in enumerate(stages)}
    jobs = {draft.definition.name: draft.definition for draft in drafts}
    for draft in drafts:
        job = draft.definition
        if job.stage not in order:
            text = f"{job.name} job: chosen stage {job.stage} does not exist; available stages are "
            problems.add(_at(draft, "stage"), text + ", ".join(stages), job=job.name)
            continue
        _check_dependencies(draft, jobs, unreadable, order, problems)
        _check_needs(draft, jobs, unreadable, order, problems)
    if not problems.found:
        _check_circles(drafts, problems)


def _at(draft: Draft, key: str) -> Node:
    found: Node = draft.node.value.get(key, draft.node)
    return found


def _check_dependencies(
    draft: Draft,
    jobs: Mapping[str, JobDefinition],
    unreadable: Collection[str],
    order: Mapping[str, int],
    problems: Problems,
) -> None:
    job, at = draft.definition, _at(draft, "dependencies")
    if job.needs:
        needed = {need.job for need in job.needs}
        missing = ", ".join(name for name in job.dependencies or () if name not in needed)
        if missing:
            text = f"jobs:{job.name} dependencies the {missing} should be part of needs"
            problems.add(at, text.lower(), job=job.name)
    for name in job.dependencies or ():
        if name not in jobs:
            if name in unreadable:
                continue
            problems.add(at, f"{job.name} job: undefined dependency: {name}", job=job.name)
        elif order.get(jobs[name].stage, -1) > order[job.stage]:
            text = f"{job.name} job: dependency {name} is not defined in current or prior stages"
            problems.add(at, text, job=job.name)


def _check_needs(
    draft: Draft,
    jobs: Mapping[str, JobDefinition],
    unreadable: Collection[str],
    order: Mapping[str, int],
    problems: Problems,
) -> None:
    job, at = draft.definition, _at(draft, "needs")
    seen: set[str] = set()
    for need in job.needs or ():
        if need.job in seen:
            problems.add(at, f"{job.name} has the following needs duplicated: {need.job}.", job=job.name)
        seen.add(need.job)
        if need.job not in jobs:
            if not need.optional and need.job not in unreadable:
                problems.add(at, f"{job.name} job: undefined need: {need.job}", job=job.name)
        elif order.get(jobs[need.job].stage, -1) > order[job.stage]:
            text = f"{job.name} job: need {need.job} is not defined in current or prior stages"
            problems.add(at, text, job=job.name)


def _check_circles(drafts: tuple[Draft, ...], problems: Problems) -> None:
    """Kahn's algorithm; what is left over goes in a circle."""
    waiting = {draft.definition.name: {need.job for need in draft.definition.needs or ()} for draft in drafts}
    for draft in drafts:
        name = draft.definition.name
        if name in waiting[name]:
            text = f"The pipeline has circular dependencies: self-dependency: {name}"
            problems.add(_at(draft, "needs"), text, job=name)
            return
    needed_by: dict[str, list[str]] = {}
    for name, needs in waiting.items():
        for need in needs:
            needed_by.setdefault(need, []).append(name)
    missing = {name: len(needs & set(waiting)) for name, needs in waiting.items()}
    free = [name for name, count in missing.items() if count == 0]
    done = 0
    while free:
        done += 1
        for name in needed_by.get(free.pop(), ()):
            missing[name] -= 1
            if missing[name] == 0:
                free.append(name)
    if done < len(waiting):
        names = ", ".join(f'"{name}"' for name, count in missing.items() if count)
        first = next(draft for draft in drafts if missing[draft.definition.name])
        text = f"The pipeline has circular dependencies: topological sort failed: [{names}]"
        problems.add(_at(first, "needs"), text, job=first.definition.name)


def check_presence(chosen: Iterable[JobDefinition], drafts: Mapping[str, Draft], problems: Problems) -> None:
    """A need of a job that the rules kept out of this pipeline is an error, unless it is optional."""
    jobs = list(chosen)
    present = {job.name for job in jobs}
    for job in jobs:
        for need in job.needs or ():
            if need.job not in present and not need.optional:
                text = (
                    f"'{job.name}' job needs '{need.job}' job, but '{need.job}' does not exist in the pipeline. "
                    "This might be because of the only, except, or rules keywords. To need a job that sometimes "
                    "does not exist in the pipeline, use needs:optional."
                )
                problems.add(_at(drafts[job.name], "needs"), text, job=job.name)
