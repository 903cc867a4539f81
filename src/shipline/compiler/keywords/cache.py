"""`cache`: one, or a list of up to four. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from shipline.compiler.fields import Fields, Reader, flat
from shipline.compiler.nodes import Node
from shipline.model.definition import Cache

KEYS = ("key", "untracked", "paths", "when", "policy", "unprotect", "fallback_keys")
WHENS = ("on_success", "on_failure", "always")
KEY_SOURCES = ("files", "files_commits")
# Only some part of a policy must be one: it may hold variables.
_POLICY = re.compile(r"pull-push|push|pull|\$\w", re.ASCII)


def read_caches(reader: Reader, node: Node, path: str) -> tuple[Cache, ...]:
    """`path` is that of the keyword; GitLab says `caches` of the list and `cache` of each in it."""
    whole = f"{path.removesuffix('cache')}caches"
    if isinstance(node.value, dict):
        items = [node]
    elif isinstance(node.value, list):
        items = flat(node)
    else:
        reader.wrong(node, whole, "config can only be a hash or an array")
        return ()
    if len(items) > reader.limits.caches:
        reader.wrong(node, whole, f"config no more than {reader.limits.caches} caches can be created")
    found = [_cache(reader, item, path) for item in items]
    return tuple(cache for cache in found if cache is not None)


def _cache(reader: Reader, node: Node, path: str) -> Cache | None:
    fields = reader.fields(node, path, KEYS)
    if fields is None:
        return None
    key = fields.given("key")
    simple = key is not None and isinstance(key.value, str)
    complex_key = key is not None and isinstance(key.value, dict)
    if key is not None and not simple and not complex_key:
        reader.wrong(key, f"{path}:key", "should be a hash, a string or a symbol")
    if key is not None and simple:
        _check_key(reader, key, f"{path}:key")
    sources = _key_sources(reader, key, f"{path}:key") if key is not None and complex_key else {}
    return Cache(
        paths=_texts(fields, "paths"),
        key=key.value if key is not None and simple else "default",
        key_files=sources.get("files", ()),
        key_files_commits=sources.get("files_commits", ()),
        key_prefix=_prefix(reader, key, f"{path}:key:prefix") if complex_key else None,
        untracked=_boolean(fields, "untracked"),
        unprotect=_boolean(fields, "unprotect"),
        when=fields.choice("when", WHENS) or "on_success",
        policy=_policy(fields),
        fallback_keys=_fallback_keys(fields),
    )


def _check_key(reader: Reader, node: Node, path: str) -> None:
    key = unquote_plus(node.value)
    if "/" in key:
        reader.wrong(node, path, 'config cannot contain the "/" character')
    elif key in (".", ".."):
        reader.wrong(node, path, 'config cannot be "." or ".."')


def _key_sources(reader: Reader, node: Node, path: str) -> dict[str, tuple[str, ...]]:
    reader.known_keys(node, path, (*KEY_SOURCES, "prefix"))
    if len([key for key in KEY_SOURCES if key in node.value]) != 1:
        text = f"config must use exactly one of these keys: {', '.join(KEY_SOURCES)}"
        reader.wrong(node, path, text)
    found = {}
    for key in KEY_SOURCES:
        item = node.value.get(key)
        if item is None or item.value is None:
            continue
        found[key] = reader.texts(item, f"{path}:{key}")
        limit = reader.limits.cache_key_files
        size = len(item.value) if isinstance(item.value, (list, dict, str)) else 1
        if size == 0:
            reader.wrong(item, f"{path}:{key}", "config requires at least 1 item")
        elif size > limit:
            reader.wrong(item, f"{path}:{key}", f"config has too many items (maximum is {limit})")
    return found


def _prefix(reader: Reader, key: Node | None, path: str) -> str | None:
    node = key.value.get("prefix") if key is not None else None
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, str):
        reader.wrong(node, path, "config should be a string or symbol")
        return None
    _check_key(reader, node, path)
    return node.value


def _policy(fields: Fields) -> str:
    item = fields.given("policy")
    if item is None or item.value in ("", False):
        return "pull-push"
    policy = fields.text("policy")
    if _POLICY.search(str(item.value)) is None:
        fields.wrong("policy", "should be a variable or one of: pull-push, push, pull")
    return policy or "pull-push"


def _fallback_keys(fields: Fields) -> tuple[str, ...]:
    item = fields.given("fallback_keys")
    if item is None:
        return ()
    limit = fields.reader.limits.cache_fallback_keys
    if isinstance(item.value, (list, str)) and len(item.value) > limit:
        fields.wrong("fallback_keys", f"has to many entries (maximum {limit})")
    return _texts(fields, "fallback_keys")


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    item = fields.given(key)
    return fields.reader.texts(item, f"{fields.path}:{key}") if item is not None else ()


def _boolean(fields: Fields, key: str) -> bool:
    item = fields.given(key)
    return bool(fields.reader.boolean(item, f"{fields.path}:{key}")) if item is not None else False
