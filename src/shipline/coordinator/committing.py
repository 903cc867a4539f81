"""Use case: a commit that is made over REST, and then is a push like any other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shipline.coordinator import browsing, own_pushes, pushes
from shipline.coordinator.models import Project
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.repositories import ZERO, Identity, UnfitTree
from shipline.coordinator.services import services
from shipline.coordinator.tree_changes import Action, File, RefusedAction, changes, names_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_UNFIT = re.compile(r"[<>\n\r\0]")
# What git leaves out at both ends of a name; of nothing but these it makes no name.
_CRUD = " .,:;<>\"\\'\t"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`start` is the branch or commit that a new branch begins at; empty: where `branch` is. With `force` the branch
    may be there already, and is left behind. The author is the user unless one is named."""

    branch: str
    message: str
    actions: Sequence[Action]
    start_branch: str = ""
    start_sha: str = ""
    force: bool = False
    author_name: str = ""
    author_email: str = ""


def commit(project: Project, user: User, wanted: Wanted) -> str:
    """Answers the commit's SHA. Raises Refusal: 400 for what cannot be, 403 for what the user may not."""
    repositories = services().repositories
    if not repositories.is_branch_name(wanted.branch):
        raise Refusal(400, "Branch name is invalid")
    ref = f"refs/heads/{wanted.branch}"
    before = repositories.resolve(project.pk, ref)
    parent = _parent(project, wanted, before)
    committer = _identity(user.first_name or user.username, user.email)
    author = _identity(wanted.author_name or committer.name, wanted.author_email or committer.email)
    # Before anything is stored. The commit leaves behind what the one that it comes upon leaves behind.
    if pushes.check(project.pk, user.pk, [pushes.Update(before or ZERO, parent or _ANYTHING, ref)], {}):
        raise Refusal(403, "403 Forbidden - You are not allowed to push into this branch")
    try:
        entries = changes(wanted.actions, *_known(project, parent, wanted.actions))
        stored = {path: None if file is None else _stored(project, file) for path, file in entries.items()}
        tree = repositories.write_tree(project.pk, parent, stored)
    except (RefusedAction, UnfitTree) as error:
        raise Refusal(400, str(error)) from error
    parents = [parent] if parent is not None else []
    made = repositories.commit_tree(project.pk, tree, parents, wanted.message, author, committer)
    try:
        own_pushes.push(project, user, pushes.Update(before or ZERO, made, ref))
    except own_pushes.Moved as error:
        raise Refusal(400, f"Could not update {ref}. Please refresh and try again.") from error
    return made


# Some commit: of a branch that is new it does not matter which.
_ANYTHING = "1" * 40


def _parent(project: Project, wanted: Wanted, before: str | None) -> str | None:
    """What the commit comes upon; None for the first one of all."""
    repositories = services().repositories
    start = wanted.start_sha or (f"refs/heads/{wanted.start_branch}" if wanted.start_branch else "")
    if not start or (wanted.start_branch == wanted.branch and before is not None):
        if before is None and not repositories.is_empty(project.pk):
            raise Refusal(400, "You can only create or edit files when you are on a branch")
        return before
    found = repositories.resolve(project.pk, start)
    if found is None:
        raise Refusal(400, f"Invalid reference name: {wanted.start_sha or wanted.start_branch}")
    if before is not None and not wanted.force:
        words = f"A branch called '{wanted.branch}' already exists. Switch to that branch in order to make changes"
        raise Refusal(400, words)
    return found


def _known(
    project: Project, parent: str | None, actions: Sequence[Action]
) -> tuple[dict[str, File], dict[str, str]]:
    """The files among those that are named, and the newest commits of those that must not have changed."""
    if parent is None:
        return {}, {}
    found = services().repositories.files(project.pk, parent, sorted(names_of(actions)))
    files = {path: File(mode, object_id) for path, (mode, object_id) in found.items()}
    newest = {}
    for path in sorted({one.path for one in actions if one.last_commit_id and one.path in files}):
        last = browsing.commits(project.pk, parent, browsing.Wanted(path=path), count=1)
        newest[path] = last[0].sha if last else ""
    return files, newest


def _stored(project: Project, file: File) -> tuple[str, str]:
    content = file.content
    if isinstance(content, bytes):
        file = replace(file, content=services().repositories.write_blob(project.pk, content))
    return file.mode, str(file.content)


def _identity(name: str, email: str) -> Identity:
    clean = _UNFIT.sub("", name).strip(_CRUD)
    if not clean:
        raise Refusal(400, "author_name is no name")
    return Identity(clean, _UNFIT.sub("", email).strip(_CRUD) or "nobody@localhost")
