"""What jobs say of one another: stages, needs, dependencies, environments. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from shipline.compiler.instances import Instance
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.model.circles import first_circle
from shipline.model.definition import Environment, JobDefinition

CIRCLE = "The pipeline has circular dependencies"


def check_graph(
    stages: tuple[str, ...],
    instances: tuple[Instance, ...],
    unreadable: Collection[str],
    problems: Problems,
    limits: Limits,
) -> None:
    """Stages exist, needs and dependencies are jobs of this or earlier stages, nothing goes in a circle.

    Nothing is said of `unreadable` jobs: they have been told already.
    """
    _Graph(stages, instances, unreadable, problems, limits).check()
    if not problems.found:
        _check_circles(instances, problems)


def at(instance: Instance, key: str) -> Node:
    found: Node = instance.draft.node.value.get(key, instance.draft.node)
    return found


class _Graph:
    def __init__(
        self,
        stages: tuple[str, ...],
        instances: tuple[Instance, ...],
        unreadable: Collection[str],
        problems: Problems,
        limits: Limits,
    ) -> None:
        self.stages, self.instances, self.problems = stages, instances, problems
        self.unreadable, self.limits = unreadable, limits
        self.order = {stage: position for position, stage in enumerate(stages)}
        self.jobs = {instance.definition.name: instance.definition for instance in instances}

    def check(self) -> None:
        for instance in self.instances:
            job = instance.definition
            if instance.draft.definition.name in self.unreadable:
                continue
            if job.stage not in self.order:
                listed = ", ".join(self.stages)
                text = f"job: chosen stage {job.stage} does not exist; available stages are {listed}"
                self._wrong(instance, "stage", text)
                continue
            for name in job.dependencies or ():
                self._check_job(instance, "dependencies", "dependency", name)
            named = [(need.job, need.optional) for need in job.needs or ()]
            self._check_needs(instance, named, at(instance, "needs"))
            for rule in instance.draft.rules or ():
                if rule.needs is not None:
                    named = [(need.job, need.optional) for need in rule.needs.jobs]
                    self._check_needs(instance, named, rule.node.value.get("needs", rule.node))
            for include in job.trigger.include if job.trigger is not None else ():
                if include.job is not None:
                    self._check_job(instance, "trigger", "dependency", include.job)
            if job.environment is not None and job.environment.on_stop is not None:
                self._check_on_stop(instance, job.environment, job.environment.on_stop)

    def _wrong(self, instance: Instance, key: str | Node, text: str) -> None:
        place = key if isinstance(key, Node) else at(instance, key)
        job = instance.definition
        self.problems.add(place, f"{job.name} {text}", job=job.group or job.name)

    def _check_needs(self, instance: Instance, needs: Iterable[tuple[str, bool]], place: Node) -> None:
        listed = list(needs)
        for name, optional in listed:
            if optional and name not in self.jobs:
                continue
            self._check_job(instance, place, "need", name)
        if len({name for name, _ in listed}) == len(listed):
            return
        doubled = [name for name, count in Counter(name for name, _ in listed).items() if count > 1]
        self._wrong(instance, place, f"has the following needs duplicated: {', '.join(doubled)}.")

    def _check_job(self, instance: Instance, key: str | Node, kind: str, name: str) -> None:
        job = instance.definition
        if name in self.unreadable:
            return
        if name not in self.jobs:
            self._wrong(instance, key, f"job: undefined {kind}: {name}")
            return
        most = self.limits.need_name
        if kind == "need" and len(name) > most:
            self._wrong(instance, key, f"job: need `{name}` name is too long (maximum is {most} characters)")
        if self.order.get(self.jobs[name].stage, len(self.stages)) > self.order[job.stage]:
            self._wrong(instance, key, f"job: {kind} {name} is not defined in current or prior stages")

    def _check_on_stop(self, instance: Instance, environment: Environment, name: str) -> None:
        if name in self.unreadable:
            return
        stopping = self.jobs.get(name)
        text = f"job: on_stop job {name} "
        if stopping is None:
            self._wrong(instance, "environment", f"{text}is not defined")
        elif stopping.environment is None:
            self._wrong(instance, "environment", f"{text}does not have environment defined")
        elif stopping.environment.name != environment.name:
            self._wrong(instance, "environment", f"{text}have different environment name")
        elif stopping.environment.action != "stop":
            self._wrong(instance, "environment", f"{text}needs to have action stop defined")


def _check_circles(instances: tuple[Instance, ...], problems: Problems) -> None:
    graph = {
        instance.definition.name: [need.job for need in instance.definition.needs or ()]
        for instance in instances
    }
    found = next(([name] for name, needs in graph.items() if name in needs), None)
    text = f"{CIRCLE}: self-dependency: {found[0]}" if found else ""
    if found is None:
        found = first_circle(graph)
        names = ", ".join(f'"{name}"' for name in found or ())
        text = f"{CIRCLE}: topological sort failed: [{names}]"
    if found:
        first = next(instance for instance in instances if instance.definition.name == found[0])
        problems.add(at(first, "needs"), text, job=first.draft.definition.name)


def check_presence(chosen: Iterable[tuple[Instance, JobDefinition]], problems: Problems) -> None:
    """A need of a job that the rules kept out of this pipeline is an error, unless it is optional."""
    listed = list(chosen)
    present = {job.name for _, job in listed}
    for instance, job in listed:
        for need in job.needs or ():
            if need.job not in present and not need.optional:
                text = (
                    f"'{job.name}' job needs '{need.job}' job, but '{need.job}' does not exist in the pipeline. "
                    "This might be because of the only, except, or rules keywords. To need a job that sometimes "
                    "does not exist in the pipeline, use needs:optional."
                )
                problems.add(at(instance, "needs"), text, job=job.group or job.name)
