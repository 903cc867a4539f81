"""Use case: a branch moves at our own hand, as if somebody had pushed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from shipline.coordinator import pushes, tokens
from shipline.coordinator.models import Project
from shipline.coordinator.services import services

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class Moved(Exception):
    """The ref is not (any more) where the update begins, or it cannot be called so."""


def push(
    project: Project, user: User, update: pushes.Update, then: Callable[[], None] = lambda: None
) -> None:
    """Move the ref, do `then`, make the pipelines. Whether the user may is the caller's to ask. Raises Moved.

    As for a push: should we be gone before it has its pipeline, it gets one later.
    """
    token = tokens.fresh("own-")
    services().pushes[token] = (project.pk, user.pk)
    try:
        pushes.note(project.pk, user.pk, token, [update], [])
        if not services().repositories.update_ref(project.pk, update.name, update.new, update.old):
            raise Moved
        then()
        pushes.received(project.pk, user.pk, [update], [], token)
    finally:
        services().pushes.pop(token, None)
