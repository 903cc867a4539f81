"""Limits of a configuration: GitLab's, with the values that its servers have by default, and our own. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from shipline.compiler.spelling import closest
from shipline.errors import UsageError

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are in bytes, durations in seconds; a value that is equal to its limit still passes.

    `repeated_bytes` counts what aliases stand for, each time they are used, as GitLab's memory would. GitLab
    counts what is written once as well and refuses more than 2 MiB of both, which is some 3,000 jobs of one
    file; here the text alone may be as long as `text_bytes`.
    """

    text_bytes: int = 2 * MIB
    repeated_bytes: int = 4 * MIB
    # What `extends` and `!reference` may make of it: many times the same, as each job gets its own.
    merged_bytes: int = 256 * MIB
    depth: int = 100
    # What stands behind further `---` belongs to the last.
    documents: int = 3
    total_bytes: int = 314_572_800
    includes: int = 150
    # For all files that come over the network together; whoever fetches them has the clock.
    include_seconds: int = 30
    extends_levels: int = 11
    nesting_levels: int = 10

    input_options: int = 50
    input_description: int = 256
    interpolation_blocks: int = 10_000
    interpolation_nodes: int = 500_000
    interpolation_access_bytes: int = 1024
    interpolation_text_bytes: int = MIB
    interpolation_functions: int = 3
    interpolation_indices: int = 5
    # `a.b.c` up to that many names; what is beyond them counts to the last.
    interpolation_objects: int = 5
    # Ours: what all values together may add, in characters; blocks that stand for long texts would multiply them.
    interpolation_added: int = 16 * MIB

    needs: int = 50
    need_name: int = 255
    needs_pipelines: int = 5
    needs_projects: int = 5
    parallel: int = 200
    # One less than this many different tags pass: "must be less than the limit of 50 tags".
    tags: int = 50
    caches: int = 4
    cache_key_files: int = 2
    cache_fallback_keys: int = 5
    rule_patterns: int = 50
    # More patterns times paths than these count as a match.
    rule_comparisons: int = 50_000
    # Ours: more alternatives than these, of `{a,b}{c,d}...`, are left out; so is what comes after that many
    # characters of them. RE2 takes no more than that.
    rule_alternatives: int = 1_000
    rule_alternative_characters: int = MIB
    # One less than this many pass.
    expression_tokens: int = 100
    retry: int = 2
    start_in_seconds: int = 7 * 24 * 3600
    timeout_seconds: int = 30 * 24 * 3600
    job_name: int = 255
    workflow_name: int = 255
    environment_url: int = 255
    expose_as: int = 100
    executor_user: int = 255
    job_inputs: int = 50
    trigger_includes: int = 3
    # Variables have the first part of what is longer.
    commit_message: int = 100_000
    merge_request_description: int = 2_700
    # Ours: the first of them are told, and at least one.
    problems: int = 200


DEFAULT_LIMITS = Limits()


def chosen_limits(values: Mapping[str, object]) -> Limits:
    """The default ones with those that are given. Raises UsageError for an unknown name or a value that is no
    number from 0 on."""
    known = [field.name for field in fields(Limits)]
    kept: dict[str, int] = {}
    for name, value in values.items():
        if name not in known:
            raise UsageError(
                f"There is no limit {name!r}.",
                hint=closest(name, known).capitalize() or f"Known: {', '.join(known)}.",
            )
        if type(value) is not int or value < 0:
            raise UsageError(f"The limit {name} must be a whole number from 0 on, not {value!r}.")
        kept[name] = value
    return Limits(**kept)
