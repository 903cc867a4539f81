"""`secrets` of a job: what the runner fetches itself, and where from. Pure.

The coordinator never sees such a secret. It tells which one is wanted, as GitLab does, and how the runner proves
to the store that it may have it: by the job's ID token, at the address that CI/CD variables name.
Docs: https://docs.gitlab.com/ci/yaml/#secrets
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shipline.model.definition import JobDefinition

Values = Mapping[str, str]
# What older GitLabs gave to every job; it becomes empty, and the store says what is missing.
NO_TOKEN = "${CI_JOB_JWT}"  # noqa: S105 - a variable's name


def _vault(written: Any) -> dict[str, Any] | None:
    """In full, or `path/to/secret/field@engine`."""
    if isinstance(written, str):
        place, _, engine = written.partition("@")
        path, slash, field = place.rpartition("/")
        if not (slash and path and field):
            return None
        return {"engine": {"name": "kv-v2", "path": engine or "kv-v2"}, "path": path, "field": field}
    if not isinstance(written, dict):
        return None
    engines = _texts(written.get("engine"), ("name", "path"), ("name", "path"))
    rest = {key: value for key, value in written.items() if key != "engine"}
    found = _texts(rest, ("path", "field"), ("path", "field"))
    return {"engine": engines, **found} if engines is not None and found is not None else None


def _aws(written: Any) -> dict[str, Any] | None:
    """In full, or `secret#field`."""
    if isinstance(written, str):
        secret, _, field = written.partition("#")
        return {"secret_id": secret} | ({"field": field} if field else {}) if secret else None
    more = ("version_id", "version_stage", "field", "region", "role_arn", "role_session_name")
    return _texts(written, ("secret_id",), ("secret_id", *more))


def _named(written: Any) -> dict[str, Any] | None:
    return _texts(written, ("name",), ("name", "version"))


def _texts(written: Any, needed: Sequence[str], known: Sequence[str]) -> dict[str, Any] | None:
    """Numbers are text: a version is often written as one."""
    if not isinstance(written, dict) or not set(needed) <= set(written) <= set(known):
        return None
    given = {key: value for key, value in written.items() if value is not None}
    if any(isinstance(value, bool) or not isinstance(value, str | int) for value in given.values()):
        return None
    return {key: str(value) for key, value in given.items()}


def _vault_server(values: Values, token: str | None, first: str) -> dict[str, Any]:
    data = {"jwt": token or first, "role": values.get("VAULT_AUTH_ROLE")}
    return {
        "url": values.get("VAULT_SERVER_URL"),
        "namespace": values.get("VAULT_NAMESPACE"),
        "auth": {
            "name": "jwt",
            "path": values.get("VAULT_AUTH_PATH") or "jwt",
            "data": {key: value for key, value in data.items() if value is not None},
        },
    }


def _aws_server(values: Values, token: str | None, first: str) -> dict[str, Any]:
    """Without AWS_ID_TOKEN the runner uses the role that it has itself."""
    return {
        "region": values.get("AWS_REGION"),
        "jwt": token or "$AWS_ID_TOKEN",
        "role_arn": values.get("AWS_ROLE_ARN"),
        "role_session_name": values.get("AWS_ROLE_SESSION_NAME"),
    }


def _azure_server(values: Values, token: str | None, first: str) -> dict[str, Any]:
    return {
        "url": values.get("AZURE_KEY_VAULT_SERVER_URL"),
        "client_id": values.get("AZURE_CLIENT_ID"),
        "tenant_id": values.get("AZURE_TENANT_ID"),
        "jwt": token or first,
    }


def _gcp_server(values: Values, token: str | None, first: str) -> dict[str, Any]:
    pool = "GCP_WORKLOAD_IDENTITY_FEDERATION"
    return {
        "project_number": values.get("GCP_PROJECT_NUMBER"),
        "workload_identity_federation_pool_id": values.get(f"{pool}_POOL_ID"),
        "workload_identity_federation_provider_id": values.get(f"{pool}_PROVIDER_ID"),
        "jwt": token,
    }


_Read = Callable[[Any], dict[str, Any] | None]
_Server = Callable[[Values, str | None, str], dict[str, Any]]
PROVIDERS: Mapping[str, tuple[_Read, _Server]] = {
    "vault": (_vault, _vault_server),
    "aws_secrets_manager": (_aws, _aws_server),
    "azure_key_vault": (_named, _azure_server),
    "gcp_secret_manager": (_named, _gcp_server),
}


def unreadable(job: JobDefinition) -> list[str]:
    """The secrets that no runner could fetch: of other stores, or written as their store does not know it."""
    return [name for name, written in job.secrets.items() if _secret(written, {}, NO_TOKEN) is None]


def secrets(job: JobDefinition, values: Values) -> dict[str, Any]:
    """The payload's member. `values` are the job's variables, expanded."""
    first = f"${job.id_tokens[0].name}" if job.id_tokens else NO_TOKEN
    made = {name: _secret(written, values, first) for name, written in job.secrets.items()}
    return {name: secret for name, secret in made.items() if secret is not None}


def _secret(written: Any, values: Values, first: str) -> dict[str, Any] | None:
    if not isinstance(written, dict) or not set(written) <= {*PROVIDERS, "file", "token"}:
        return None
    token, file = written.get("token"), written.get("file")
    named = [name for name in PROVIDERS if written.get(name) is not None]
    wrong = not isinstance(token, str | None) or not isinstance(file, bool | None)
    if wrong or len(named) != 1:
        return None
    read, server = PROVIDERS[named[0]]
    found = read(written[named[0]])
    if found is None:
        return None
    told = {"server": _without_none(server(values, token, first))}
    return {named[0]: found | told} | ({} if file is None else {"file": file})


def _without_none(server: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in server.items() if value is not None}
