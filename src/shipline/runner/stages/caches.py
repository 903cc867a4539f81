"""The stages restore_cache and archive_cache."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from shipline.errors import UsageError
from shipline.runner.cache import Cache, file_of, job_caches, object_of
from shipline.runner.cache_store import CacheStore
from shipline.runner.failure import Result
from shipline.runner.stages.artifacts import is_wanted
from shipline.runner.stages.context import Context


async def restore(context: Context) -> None:
    """A cache that cannot be had is no failure."""
    caches, warnings = job_caches(context.payload, context.variables)
    pulled = [one for one in caches if one.is_pulled]
    if not caches and not warnings:
        return
    with context.part("restore_cache", "Restoring cache"):
        for warning in warnings:
            context.warn(warning)
        if len(pulled) < len(caches):
            context.trace.line("Not downloading cache due to policy")
        if not pulled:
            return
        store = _store(context)

        async def attempt(_number: int) -> int:
            asked = {
                "root": context.folders.project,
                "limit": context.section.cache.max_uploaded_archive_size,
                "caches": [await _candidates(context, store, one) for one in pulled],
            }
            return await context.executor.helper("cache_extract", asked, context.trace.write)

        if await context.attempted("RESTORE_CACHE_ATTEMPTS", "Restoring the cache", attempt):
            context.warn("the cache could not be restored")


async def _candidates(context: Context, store: CacheStore | None, cache: Cache) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "file": file_of(context.folders.project_cache, key),
            "url": await _url(context, store.get_url if store else None, key),
        }
        for key in cache.keys
    ]


async def save(context: Context, result: Result) -> None:
    """A cache that cannot be kept is told, and no failure."""
    good = not result.failure_reason
    caches, _ = job_caches(context.payload, context.variables)
    due = [one for one in caches if is_wanted(one.when, good)]
    if not due:
        return
    kept = [one for one in due if one.is_pushed]
    name, word = ("archive_cache", "successful") if good else ("archive_cache_on_failure", "failed")
    with context.part(name, f"Saving cache for {word} job"):
        if len(kept) < len(due):
            context.trace.line("Not uploading cache due to policy")
        if not kept:
            return
        if context.variables.get("CACHE_COMPRESSION_FORMAT", "zip") != "zip":
            context.warn("CACHE_COMPRESSION_FORMAT: caches are kept as zip here")
        store = _store(context)
        asked = {
            "root": context.folders.project,
            "level": context.variables.get("CACHE_COMPRESSION_LEVEL"),
            "limit": context.section.cache.max_uploaded_archive_size,
            "caches": [
                {
                    "key": one.keys[0],
                    "file": file_of(context.folders.project_cache, one.keys[0]),
                    "url": await _url(context, store.put_url if store else None, one.keys[0]),
                    "paths": list(one.paths),
                    "untracked": one.untracked,
                }
                for one in kept
            ],
        }
        if await context.executor.helper("cache_archive", asked, context.trace.write):
            context.warn("the cache could not be kept")


def _store(context: Context) -> CacheStore | None:
    cache = context.section.cache
    return CacheStore(cache) if cache.type == "s3" else None


async def _url(context: Context, sign: Callable[[str], str] | None, key: str) -> str:
    """Signed now: what waited for a long script would not be valid any more."""
    if sign is None:
        return ""
    name = object_of(
        context.section.cache, context.section.short_token, context.payload.job_info.project_id, key
    )
    try:
        return await asyncio.to_thread(sign, name)
    except UsageError as error:
        context.warn(f"{error}; the cache stays on this machine")
        return ""
