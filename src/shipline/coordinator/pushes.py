"""Use cases of a push: may it be, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, transaction

from shipline.coordinator import access, environments, merge_requests, protections, tokens
from shipline.coordinator.asked import Asked, Created, RefUpdate
from shipline.coordinator.models import PendingPush, Project, Release
from shipline.coordinator.one_by_one import one_by_one
from shipline.coordinator.permissions import NotAllowed, check_may_give
from shipline.coordinator.pipelines import create_pipeline
from shipline.coordinator.push_options import PushOptions, read_options
from shipline.coordinator.repositories import ZERO
from shipline.coordinator.services import services

# As GitLab: a push of more refs than this is somebody mirroring, not somebody shipping.
PIPELINE_LIMIT = 4
# What the rows of pipelines can hold.
NAME_LIMIT = 255
ERROR_LINES = 30
# git moves refs within seconds of the first hook; a push that was refused then is forgotten after this.
PATIENCE = timedelta(minutes=2)
# So long its second hook is waited for.
UNDER_WAY = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Update:
    """One ref; `old` or `new` is all zeros when it is created or deleted."""

    old: str
    new: str
    name: str

    def ref(self) -> tuple[str, str] | None:
        """Type and short name; None for what is neither branch nor tag."""
        for kind, prefix in (("branch", "refs/heads/"), ("tag", "refs/tags/")):
            if self.name.startswith(prefix):
                return kind, self.name.removeprefix(prefix)
        return None


def check(
    project_id: int, user_id: int, updates: Sequence[Update], environment: Mapping[str, str]
) -> list[str]:
    """Why the push is refused, in lines; none when it is not."""
    project = Project.objects.get(pk=project_id)
    user = User.objects.filter(pk=user_id).first()
    level = access.level(user, project)
    rules = protections.rules_of(project)
    lines = []
    for update in updates:
        kind = update.ref()
        if kind is None:
            lines.append(f"GitLab: {update.name} is neither a branch nor a tag; only those can be pushed.")
        elif len(kind[1]) > NAME_LIMIT and update.new != ZERO:
            lines.append(
                f"GitLab: The name of a {kind[0]} can have {NAME_LIMIT} characters: {kind[1][:50]}..."
            )
        elif kind[0] == "branch":
            matching = protections.matching(rules, kind[1])
            lines += _branch(project, kind[1], update, level, matching, environment)
        elif refusal := _tag(project, kind[1], update, level):
            lines.append(refusal)
    return lines


def _branch(
    project: Project,
    branch: str,
    update: Update,
    level: int,
    rules: protections.BranchRules,
    environment: Mapping[str, str],
) -> list[str]:
    if not rules:
        return _first_push(project, branch, update, level)
    refusal = protections.branch_push_refusal(
        rules, branch, level, deletes=update.new == ZERO, forces=_forces(project, update, environment)
    )
    return [refusal] if refusal else []


def _forces(project: Project, update: Update, environment: Mapping[str, str]) -> bool:
    if ZERO in (update.old, update.new):
        return False
    return not services().repositories.is_ancestor(project.pk, update.old, update.new, environment)


def _first_push(project: Project, branch: str, update: Update, level: int) -> list[str]:
    """The branch that will be protected as soon as it is there: a developer may not be the first on it,
    unless the group says so."""
    if branch != project.default_branch or update.old != ZERO or level >= access.MAINTAINER:
        return []
    wanted = protections.default_protection(project)
    return [] if wanted is None or wanted[2] else [protections.PUSH_REFUSED]


def _tag(project: Project, tag: str, update: Update, level: int) -> str:
    wanted = protections.tag_levels(project, tag)
    return protections.tag_push_refusal(wanted, level, creates=update.old == ZERO, deletes=update.new == ZERO)


@dataclass(frozen=True, slots=True)
class Answer:
    """What git's user is told, and the pipelines that they wait for."""

    lines: list[str]
    waits_for: list[int]


def note(
    project_id: int, user_id: int, token: str, updates: Sequence[Update], options: Sequence[str]
) -> None:
    """Remember an allowed push until its pipelines are made, and what was of deleted refs is gone. git moves the
    refs after this, and a crash may come between."""
    wanted = [update for update in updates if update.ref()]
    if sum(update.new != ZERO for update in wanted) > PIPELINE_LIMIT:
        # They get no pipelines. What goes with a deleted branch or tag goes all the same.
        wanted = [update for update in wanted if update.new == ZERO]
    if wanted:
        PendingPush.objects.create(
            project_id=project_id,
            user_id=user_id or None,
            token_hash=tokens.digest(token),
            updates=[[update.old, update.new, update.name] for update in wanted],
            options=list(options),
        )


def received(
    project_id: int, user_id: int, updates: Sequence[Update], options: Sequence[str], token: str = ""
) -> Answer:
    """Create the pipelines of a push."""
    project = Project.objects.get(pk=project_id)
    user = User.objects.filter(pk=user_id).first()
    pending = None
    if token:
        digest = tokens.digest(token)
        # Another coordinator may have made up for it: then nothing is left of it.
        gone = PendingPush(project=project, token_hash=digest)
        pending = PendingPush.objects.filter(token_hash=digest).first() or gone
    return _carry_out(project, user, updates, options, pending)


def make_up_for(now: datetime) -> None:
    """What was to come of pushes whose refs have moved, but whose second hook was never heard. The newest may be
    under way at another coordinator."""
    under_way = {tokens.digest(token) for token in list(services().pushes)}
    rows = PendingPush.objects.select_related("project", "user").order_by("pk")
    left = rows.exclude(token_hash__in=under_way).exclude(
        created_at__range=(now - UNDER_WAY, now + UNDER_WAY)
    )
    one_by_one(left, lambda pending: _make_up(pending, now), "interrupted pushes")


def _make_up(pending: PendingPush, now: datetime) -> None:
    is_old = now - pending.created_at > PATIENCE
    try:
        updates = [Update(*update) for update in pending.updates]
        if moved := [update for update in updates if _has_moved(pending.project_id, update)]:
            _carry_out(pending.project, pending.user, moved, pending.options, pending)
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        if is_old:
            # It would fail again and again.
            pending.delete()
        raise
    if is_old:
        # git has refused it, or somebody else has pushed over it.
        PendingPush.objects.filter(pk=pending.pk).delete()


def _has_moved(project_id: int, update: Update) -> bool:
    return (services().repositories.name_points_at(project_id, update.name) or ZERO) == update.new


def _forget(pending: PendingPush, done: Sequence[Update]) -> None:
    """What is left are refs that git has not moved yet."""
    words = [[update.old, update.new, update.name] for update in done]
    with transaction.atomic():
        row = PendingPush.objects.select_for_update().filter(pk=pending.pk).first()
        if row is None:
            return
        row.updates = [update for update in row.updates if update not in words]
        if row.updates:
            row.save(update_fields=["updates"])
        else:
            row.delete()


def _carry_out(
    project: Project,
    user: User | None,
    updates: Sequence[Update],
    options: Sequence[str],
    pending: PendingPush | None,
) -> Answer:
    asked = read_options(options)
    wanted = [update for update in updates if update.new != ZERO and update.ref()]
    lines, made = list(asked.problems), list[int]()
    for update in updates:
        kind, name = update.ref() or ("", "")
        if kind == "branch" and update.new == ZERO:
            environments.stop_for_branch(project, name)
        elif kind == "tag" and update.new == ZERO:
            Release.objects.filter(project=project, tag=name).delete()
    if any(one.old == ZERO and one.ref() == ("branch", project.default_branch) for one in wanted):
        # Before its first pipeline, which is one of a protected branch then.
        protections.protect_default_branch(project)
    if asked.skip:
        lines.append("No pipeline: ci.skip was asked for.")
    elif len(wanted) > PIPELINE_LIMIT:
        lines.append(f"No pipelines: more than {PIPELINE_LIMIT} branches and tags in one push.")
    for update in updates:
        try:
            told, pipelines = _update(project, user, update, asked, len(wanted) > PIPELINE_LIMIT, pending)
        except NotAllowed as error:
            told, pipelines = [f"No pipeline for {(update.ref() or ('', update.name))[1]}: {error}"], []
        lines += told
        made += pipelines
    if pending is not None:
        _forget(pending, updates)
    return Answer(["", *lines, ""] if lines else [], made if asked.wait else [])


def _update(
    project: Project,
    user: User | None,
    update: Update,
    options: PushOptions,
    too_many: bool,
    pending: PendingPush | None,
) -> tuple[list[str], list[int]]:
    """One ref: its pipeline, and those of its merge requests."""
    kind, name = update.ref() or ("", "")
    if not kind or update.new == ZERO:
        return [], []
    lines, made = list[str](), list[int]()
    if not (options.skip or too_many):
        check_may_give(user, project, options.variables)
        asked = Asked(
            variables=options.variables,
            inputs=dict(options.inputs),
            claim=lambda: _claimed(pending, update),
        )
        created = create_pipeline(project, RefUpdate(name, kind, update.old, update.new), user, "push", asked)
        lines += tell(project, name, created)
        made += [created.pipeline.pk] if created.pipeline is not None else []
    if kind == "branch":
        for told, pipeline in merge_requests.after_push(
            project, user, name, update.new, options, run=not (options.skip or too_many)
        ):
            lines += told
            made += [pipeline] if pipeline is not None else []
    return lines, made


def _claimed(pending: PendingPush | None, update: Update) -> bool:
    """Take the update off the list, in the transaction that stores its pipeline: nobody makes it twice, and a
    crash puts it back. An earlier push that brought the ref to the same commit, and was cut short before git moved
    it, has nothing left to make then either."""
    if pending is None:
        return True
    rows = list(PendingPush.objects.select_for_update().filter(project=pending.project_id))
    mine = [update.old, update.new, update.name]
    if not any(row.pk == pending.pk and mine in row.updates for row in rows):
        return False
    for row in rows:
        left = [other for other in row.updates if other[1:] != mine[1:]]
        if left != row.updates:
            row.updates = left
            row.save(update_fields=["updates"])
    return True


def tell(project: Project, ref: str, created: Created) -> list[str]:
    """A pipeline, its errors, or why there is none, in lines."""
    if created.pipeline is None:
        return [f"No pipeline for {ref}: {created.why_not}", *(f"  {line}" for line in created.details)]
    url = pipeline_url(project, created.pipeline.pk)
    if not created.errors:
        return [f"Pipeline #{created.pipeline.pk} created for {ref}: {url}"]
    problems = [f"  {problem}" for problem in created.errors[:ERROR_LINES]]
    if len(created.errors) > ERROR_LINES:
        problems.append(f"  ... and {len(created.errors) - ERROR_LINES} more")
    return [f"Pipeline #{created.pipeline.pk} failed: .gitlab-ci.yml is invalid", *problems, f"  {url}"]


def pipeline_url(project: Project, pipeline_id: int) -> str:
    base = services().config.coordinator.external_url
    return f"{base}/{project.path_with_namespace}/-/pipelines/{pipeline_id}"
