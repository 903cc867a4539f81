"""Settings of the instance, as far as there are any. All of them are fixed when the coordinator starts."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router
from ninja.errors import HttpError

from shipline.compiler.limits import MIB, chosen_limits
from shipline.coordinator.artifacts import ARTIFACT_LIMIT, DEFAULT_EXPIRY
from shipline.coordinator.http.rest.lookup import Invalid, administrator
from shipline.coordinator.http.text import read_json
from shipline.coordinator.services import services
from shipline.protocols.registry_token import LIFETIME_SECONDS

router = Router()
# Where a setting comes from, for those that are somebody's choice; all others are as they are.
_CHOSEN = {
    "allow_runner_registration_token": "runners.allow_registration_token",
    "runner_token_expiration_interval": "runners.token_expiration_seconds",
    "max_yaml_size_bytes": "limits.text_bytes",
    "max_yaml_depth": "limits.depth",
    "ci_max_includes": "limits.includes",
    "ci_max_total_yaml_size_bytes": "limits.total_bytes",
}


def settings_json() -> dict[str, Any]:
    """GitLab's names. Sizes are in bytes unless the name says otherwise, intervals in seconds."""
    config = services().config
    limits = chosen_limits(config.limits)
    return {
        "id": 1,
        "signup_enabled": False,
        "password_authentication_enabled_for_web": True,
        "password_authentication_enabled_for_git": False,
        "enabled_git_access_protocol": "http",
        "default_branch_name": "main",
        "default_branch_protection": 2,
        "default_project_visibility": "private",
        "default_group_visibility": "private",
        "restricted_visibility_levels": [],
        "shared_runners_enabled": True,
        "valid_runner_registrars": ["project", "group"],
        "allow_runner_registration_token": config.runners.allow_registration_token,
        "runner_token_expiration_interval": config.runners.token_expiration_seconds or None,
        "max_artifacts_size": ARTIFACT_LIMIT // MIB,
        "default_artifacts_expire_in": f"{DEFAULT_EXPIRY.days} days",
        "keep_latest_artifact": True,
        "default_ci_config_path": None,
        "auto_devops_enabled": False,
        "max_yaml_size_bytes": limits.text_bytes,
        "max_yaml_depth": limits.depth,
        "ci_max_includes": limits.includes,
        "ci_max_total_yaml_size_bytes": limits.total_bytes,
        "container_registry_token_expire_delay": LIFETIME_SECONDS // 60,
    }


_BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}


@router.get("/application/settings")
def get_settings(request: HttpRequest) -> dict[str, Any]:
    administrator(request)
    return settings_json()


@router.put("/application/settings", openapi_extra=_BODY)
def change_settings(request: HttpRequest) -> dict[str, Any]:
    """What is as it shall be stays, so that a client may send back all that it has read. Nothing changes while the
    coordinator runs: 400 says where a setting is set. What is no setting here is passed over."""
    administrator(request)
    now = settings_json()
    try:
        asked = read_json(request.body or b"{}")
    except ValueError as error:
        raise HttpError(400, f"400 Bad request - {error}") from error
    if not isinstance(asked, dict) or not set(asked) & set(now):
        raise HttpError(400, "400 Bad request - none of these is a setting here")
    for name, wanted in asked.items():
        if name in now and wanted != now[name]:
            where = _CHOSEN.get(name)
            raise Invalid(
                name,
                f"is set by {where} in the coordinator's config.toml: change it there, and start it again"
                if where
                else f"is always {now[name]!r} here",
            )
    return now
