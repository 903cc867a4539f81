"""Where others find what verifies a job's ID tokens. Open to everybody: there are no secrets in it."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from shipline.coordinator.id_token_key import read_key
from shipline.coordinator.services import services
from shipline.protocols import id_token

# As GitLab: a day. The key never changes.
CACHED = "public, max-age=86400, must-revalidate, no-transform"


@require_safe
def configuration(request: HttpRequest) -> JsonResponse:
    return _kept(id_token.discovery(services().config.coordinator.external_url))


@require_safe
def keys(request: HttpRequest) -> JsonResponse:
    return _kept(id_token.key_set(read_key(services().data.id_token_key).public_key()))


def _kept(document: dict[str, object]) -> JsonResponse:
    response = JsonResponse(document)
    response["Cache-Control"] = CACHED
    return response
