"""The pipeline that a configuration gives for one push, schedule or merge request. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from shipline.compiler.configuration import Configuration
from shipline.compiler.decisions import Decision, by_rules
from shipline.compiler.facts import PushFacts, RuleError
from shipline.compiler.instances import Instance
from shipline.compiler.keywords.only import DEFAULT_ONLY, unwanted, wanted
from shipline.compiler.limits import Limits
from shipline.compiler.needs import at, check_presence
from shipline.compiler.problems import Problem, Problems
from shipline.compiler.rules import Rule, Values, first_match
from shipline.compiler.visible import Visible
from shipline.model.definition import AutoCancel, JobDefinition, Need, PipelineDefinition
from shipline.model.expansion import circle, expand
from shipline.model.variable import Variable, last_wins

FILTERED = "Pipeline filtered out by workflow rules."
NOTHING = (
    "Pipeline will not run for the selected trigger. The rules configuration prevented any jobs from being "
    "added to the pipeline."
)


@dataclass(frozen=True, slots=True)
class Creation:
    """`pipeline`, or `errors`; `filtered` when nothing is wrong but there is no pipeline for these facts."""

    pipeline: PipelineDefinition | None = None
    errors: tuple[Problem, ...] = ()
    filtered: bool = False
    decisions: tuple[Decision, ...] = ()


def create(
    configuration: Configuration, instances: tuple[Instance, ...], facts: PushFacts, limits: Limits
) -> Creation:
    return _Creator(configuration, facts, limits).create(instances)


class _Creator:
    def __init__(self, configuration: Configuration, facts: PushFacts, limits: Limits) -> None:
        self.configuration, self.facts, self.limits = configuration, facts, limits
        self.visible = Visible(facts)
        self.problems = Problems(limits.problems)
        self.decisions: list[Decision] = []
        self.auto_cancel = configuration.workflow.auto_cancel
        self.variables = configuration.variables
        self.settings = self.visible.settings

    def create(self, instances: tuple[Instance, ...]) -> Creation:
        try:
            passes = self._workflow()
        except RuleError as error:
            return self._failed((Problem(f"Failed to parse workflow:rules: {error}"),))
        if not passes:
            return self._failed((Problem(FILTERED),), filtered=True)
        chosen = [(instance, job) for instance in instances if (job := self._decide(instance)) is not None]
        for instance, job in chosen:
            self._check(instance, job)
        check_presence(chosen, self.problems)
        if self.problems.found:
            return self._failed(self.problems.in_order())
        if all(job.stage in (".pre", ".post") for _, job in chosen):
            return self._failed((Problem(NOTHING),), filtered=True)
        return Creation(self._pipeline([job for _, job in chosen]), decisions=tuple(self.decisions))

    def _failed(self, errors: tuple[Problem, ...], *, filtered: bool = False) -> Creation:
        return Creation(errors=errors, filtered=filtered, decisions=tuple(self.decisions))

    def _workflow(self) -> bool:
        rules = self.configuration.workflow.rules
        if rules is None:
            return True
        rule = first_match(rules, self.visible.workflow(self.variables), self.facts, self.limits)
        decision = by_rules("", rules, rule)
        self.decisions.append(decision)
        if rule is None or not decision.included:
            return False
        self.variables = last_wins((*self.variables, *rule.variables))
        if rule.auto_cancel is not None:
            over = rule.auto_cancel
            self.auto_cancel = AutoCancel(
                over.on_new_commit or self.auto_cancel.on_new_commit,
                over.on_job_failure or self.auto_cancel.on_job_failure,
            )
        return True

    def _decide(self, instance: Instance) -> JobDefinition | None:
        """The job as it will be in this pipeline, or None when it is not in it."""
        draft, definition = instance.draft, instance.definition
        variables = self._inherited(draft.inherited_variables, definition.variables)
        job = (
            replace(definition, variables=variables) if variables is not definition.variables else definition
        )
        job = self._tags(job)
        if draft.rules is not None:
            try:
                rule = first_match(draft.rules, self.visible.job(job), self.facts, self.limits)
            except RuleError as error:
                place = at(instance, "rules")
                self.problems.add(place, f"Failed to parse rule for {job.name}: {error}", job=job.name)
                return None
            decision = by_rules(job.name, draft.rules, rule)
            self.decisions.append(decision)
            return _by_rule(job, rule, draft.explicit_allow_failure) if rule and decision.included else None
        decision = self._by_only(instance, job)
        self.decisions.append(decision)
        return job if decision.included else None

    def _tags(self, job: JobDefinition) -> JobDefinition:
        """Tags with their variables; unknown ones stay as text, and those of rules are not seen."""
        if not any("$" in tag or "%" in tag for tag in job.tags):
            return job
        value_of = self.visible.job(job).expanded
        tags = dict.fromkeys(expand(tag, value_of, keep_unknown=True) for tag in job.tags)
        return replace(job, tags=tuple(tags))

    def _inherited(self, taken: bool | tuple[str, ...], own: tuple[Variable, ...]) -> tuple[Variable, ...]:
        if taken is False or not self.variables:
            return own
        if taken is True:
            return last_wins((*self.variables, *own)) if own else self.variables
        return last_wins((*(variable for variable in self.variables if variable.key in taken), *own))

    def _by_only(self, instance: Instance, job: JobDefinition) -> Decision:
        draft = instance.draft
        only = draft.only
        if only is None and self.configuration.workflow.rules is None:
            only = DEFAULT_ONLY
        if only is None and draft.exception is None:
            return Decision(job.name, True, "it has no rules, and workflow: rules let the pipeline through")
        values: Values = self.visible.job(job) if draft.only or draft.exception else {}
        if only is not None and not wanted(only, self.facts, values, self.limits):
            reason = (
                "`only` does not match" if draft.only else "without rules it runs for branches and tags only"
            )
            return Decision(job.name, False, reason, draft.node.value.get("only"))
        if draft.exception is not None and unwanted(draft.exception, self.facts, values, self.limits):
            return Decision(job.name, False, "`except` matches", draft.node.value.get("except"))
        if draft.only is not None:
            return Decision(job.name, True, "`only` matches", draft.node.value.get("only"))
        return Decision(job.name, True, "it has no rules, and runs for every branch and tag")

    def _check(self, instance: Instance, job: JobDefinition) -> None:
        name = job.group or job.name
        if job.needs is not None and len(job.needs) > self.limits.needs:
            text = (
                f"{job.name}: one job can only need {self.limits.needs} others, but you have listed "
                f"{len(job.needs)}. See needs keyword documentation for more details"
            )
            self.problems.add(at(instance, "needs"), text, job=name)
        found = circle(
            {
                variable.key: variable.value
                for variable in job.variables
                if not variable.raw and variable.key not in self.settings
            }
        )
        if found:
            names = ", ".join(f'"{variable}"' for variable in found)
            text = f"{job.name}: circular variable reference detected: [{names}]"
            self.problems.add(instance.draft.node, text, job=name)

    def _pipeline(self, chosen: list[JobDefinition]) -> PipelineDefinition:
        stages = self.configuration.stages or ()
        order = {stage: position for position, stage in enumerate(stages)}
        used = {job.stage for job in chosen}
        present = {job.name for job in chosen}
        jobs = [_without_absent(job, present) for job in sorted(chosen, key=lambda job: order[job.stage])]
        return PipelineDefinition(
            tuple(stage for stage in stages if stage in used),
            tuple(jobs),
            self._name(),
            self.variables,
            self.auto_cancel,
        )

    def _name(self) -> str | None:
        """Unknown variables are empty, and so a name may come out as none."""
        written = self.configuration.workflow.name
        if not written:
            return None
        values = self.visible.workflow(self.variables)
        return expand(written, values.expanded).strip()[: self.limits.workflow_name] or None


def _by_rule(job: JobDefinition, rule: Rule, explicit: bool | None) -> JobDefinition:
    changes: dict[str, Any] = {}
    if rule.when is not None:
        changes["when"] = rule.when
        changes["start_in"] = rule.start_in
    if rule.allow_failure is not None:
        changes["allow_failure"] = rule.allow_failure
        changes["allow_failure_exit_codes"] = ()
    if rule.variables:
        changes["variables"] = last_wins((*job.variables, *rule.variables))
    if rule.interruptible is not None:
        changes["interruptible"] = rule.interruptible
    if rule.needs is not None and rule.needs.jobs:
        changes["needs"] = tuple(Need(need.job, need.artifacts, need.optional) for need in rule.needs.jobs)
    return replace(job, **changes) if changes else job


def _without_absent(job: JobDefinition, present: set[str]) -> JobDefinition:
    """Optional needs of jobs that are not in the pipeline fall away."""
    if job.needs is None or all(need.job in present for need in job.needs):
        return job
    return replace(job, needs=tuple(need for need in job.needs if need.job in present))
