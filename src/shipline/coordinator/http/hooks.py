"""The git hooks' questions: asked from this machine, with the token of a push that is under way."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from shipline.coordinator import pushes, watching
from shipline.coordinator.http.git import quarantine
from shipline.coordinator.push_report import Seen, lines_between
from shipline.coordinator.services import in_database, services

BODY_LIMIT = 4 * 1024 * 1024
UPDATE_LIMIT = 10_000
# `git push -o ci.wait` waits so long; the pipeline goes on without it.
WAIT_SECONDS = 3600.0
KEEP_ALIVE_SECONDS = 15.0
# A line that is not printed: it only says that we are still here.
STILL_HERE = b"\0\n"


@csrf_exempt
async def hook(request: HttpRequest, name: str) -> HttpResponseBase:
    token = request.headers.get("X-Hook-Token", "")
    under_way = services().pushes.get(token)
    if under_way is None or request.method != "POST":
        return JsonResponse({"message": "403 Forbidden"}, status=403)
    project, user = under_way
    content = request.read(BODY_LIMIT + 1)
    asked = json.loads(content) if len(content) <= BODY_LIMIT else None
    if asked is None or len(asked.get("updates", ())) > UPDATE_LIMIT:
        # All of them or none: a ref that is not looked at is a ref that nothing protects.
        lines = [f"GitLab: a push may hold at most {UPDATE_LIMIT} branches and tags; push them in parts."]
        return JsonResponse({"allow": False, "lines": lines})
    if name == "wait":
        return _stream(project, asked.get("pipelines", [])[: pushes.PIPELINE_LIMIT * 2])
    updates = [pushes.Update(*update) for update in asked["updates"]]
    if name == "pre-receive":
        lines = await in_database(pushes.check, project, user, updates, quarantine(asked["environment"]))
        if not lines:
            await in_database(pushes.note, project, user, token, updates, asked["options"])
        return JsonResponse({"allow": not lines, "lines": lines})
    answer = await in_database(pushes.received, project, user, updates, asked["options"], token)
    return JsonResponse({"allow": True, "lines": answer.lines, "waits_for": answer.waits_for})


def _stream(project: int, pipelines: list[int]) -> StreamingHttpResponse:
    return StreamingHttpResponse(_report(project, pipelines), content_type="text/plain; charset=utf-8")


async def _report(project: int, pipelines: list[int]) -> AsyncIterator[bytes]:
    """What happens in the pipelines until their end. Whoever stops listening stops nothing."""
    events, end = services().events, time.monotonic() + WAIT_SECONDS
    before: dict[int, Seen] = {}
    with events.watch(*(f"pipeline:{number}" for number in pipelines)) as watch:
        while True:
            over = True
            for number in pipelines:
                seen = await in_database(watching.look_at, project, number)
                if seen is None:
                    continue
                prefix = f"#{number} " if len(pipelines) > 1 else ""
                for line in lines_between(before.get(number), seen):
                    yield f"{prefix}{line}\n".encode()
                before[number] = seen
                over = over and seen.is_over
            if over:
                return
            if events.stopping.is_set() or time.monotonic() > end:
                yield b"Nobody waits any longer here; the pipeline goes on.\n"
                return
            while not await watch.changed(KEEP_ALIVE_SECONDS) and time.monotonic() < end:
                yield STILL_HERE
