"""Shapes that stand inside others."""

from __future__ import annotations

from typing import Any

from shipline.coordinator.models import Environment


def environment_basic(environment: Environment) -> dict[str, Any]:
    return {
        "id": environment.pk,
        "name": environment.name,
        "slug": environment.slug,
        "external_url": environment.external_url or None,
        "created_at": environment.created_at,
        "updated_at": environment.updated_at,
    }
