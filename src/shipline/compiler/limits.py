"""GitLab's limits of a configuration, with the values that its servers have by default. Pure."""

from __future__ import annotations

from dataclasses import dataclass

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
    total_bytes: int = 314_572_800
    includes: int = 150
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

    needs: int = 50
    needs_pipelines: int = 5
    needs_projects: int = 5
    parallel: int = 200
    # One less than this many different tags pass: "must be less than the limit of 50 tags".
    tags: int = 50
    caches: int = 4
    cache_key_files: int = 2
    cache_fallback_keys: int = 5
    rule_patterns: int = 50
    rule_comparisons: int = 50_000
    # One less than this many pass.
    expression_tokens: int = 100
    retry: int = 2
    start_in_seconds: int = 7 * 24 * 3600
    timeout_seconds: int = 30 * 24 * 3600
    job_name: int = 255
    workflow_name: int = 255
    environment_url: int = 255
    job_inputs: int = 50
    trigger_includes: int = 3
    problems: int = 200


DEFAULT_LIMITS = Limits()
