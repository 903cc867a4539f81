"""The git hooks' questions: asked from this machine, with the token of a push that is under way."""

from __future__ import annotations

import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from shipline.coordinator import pushes
from shipline.coordinator.http.git import quarantine
from shipline.coordinator.services import in_database, services

BODY_LIMIT = 4 * 1024 * 1024
UPDATE_LIMIT = 10_000


@csrf_exempt
async def hook(request: HttpRequest, name: str) -> JsonResponse:
    under_way = services().pushes.get(request.headers.get("X-Hook-Token", ""))
    if under_way is None or request.method != "POST":
        return JsonResponse({"message": "403 Forbidden"}, status=403)
    project, user = under_way
    content = request.read(BODY_LIMIT + 1)
    asked = json.loads(content) if len(content) <= BODY_LIMIT else None
    if asked is None or len(asked["updates"]) > UPDATE_LIMIT:
        # All of them or none: a ref that is not looked at is a ref that nothing protects.
        lines = [f"GitLab: a push may hold at most {UPDATE_LIMIT} branches and tags; push them in parts."]
        return JsonResponse({"allow": False, "lines": lines})
    updates = [pushes.Update(*update) for update in asked["updates"]]
    if name == "pre-receive":
        lines = await in_database(pushes.check, project, user, updates, quarantine(asked["environment"]))
        return JsonResponse({"allow": not lines, "lines": lines})
    lines = await in_database(pushes.received, project, user, updates, asked["options"])
    return JsonResponse({"allow": True, "lines": lines})
