"""`retry`. GitLab's messages for it do not say of which job they are. Pure."""

from __future__ import annotations

from shipline.compiler.fields import STRINGS_OR_STRING, Fields, Reader, is_integer, shown
from shipline.compiler.nodes import Node
from shipline.model.definition import Retry

# Those a runner can report come first; the others are reasons of the server, and valid all the same.
REASONS = (
    "always", "unknown_failure", "script_failure", "api_failure", "stuck_or_timeout_failure",
    "runner_system_failure", "missing_dependency_failure", "runner_unsupported", "stale_schedule",
    "job_execution_timeout", "archived_failure", "unmet_prerequisites", "scheduler_failure",
    "data_integrity_failure", "runner_configuration_error", "runner_external_dependency_failure",
    "runner_interrupted",
    "forward_deployment_failure", "user_blocked", "project_deleted", "ci_quota_exceeded",
    "pipeline_loop_detected", "no_matching_runner", "trace_size_exceeded", "builds_disabled",
    "environment_creation_failure", "deployment_rejected", "failed_outdated_deployment_job",
    "job_execution_server_timeout", "stuck_pending_with_matching_runners",
    "stuck_pending_no_matching_runners", "no_updates_running", "no_updates_canceling",
    "server_timeout_running", "server_timeout_canceling", "protected_environment_failure",
    "insufficient_bridge_permissions", "downstream_bridge_project_not_found", "invalid_bridge_trigger",
    "upstream_bridge_project_not_found", "insufficient_upstream_permissions",
    "bridge_pipeline_is_child_pipeline", "downstream_pipeline_creation_failed", "secrets_provider_not_found",
    "reached_max_descendant_pipelines_depth", "ip_restriction_failure", "reached_max_pipeline_hierarchy_size",
    "reached_downstream_pipeline_trigger_rate_limit", "duo_workflow_not_allowed", "job_router_failure",
    "job_token_expired",
)  # fmt: skip


def read_retry(reader: Reader, node: Node) -> Retry:
    if is_integer(node.value):
        return Retry(_maximum(reader, node, "retry config"))
    if not isinstance(node.value, dict):
        reader.wrong(node, "retry", "config has to be either an integer or a hash")
        return Retry()
    reader.known_keys(node, "retry", ("max", "when", "exit_codes"))
    fields = Fields(reader, node, "retry")
    maximum, when = fields.given("max"), fields.given("when")
    exit_codes = fields.integers("exit_codes")
    # Reasons and exit codes are joined by "or": with exit codes alone no reason counts by itself.
    reasons = _reasons(reader, when) if when is not None else (() if exit_codes else ("always",))
    if maximum is None:
        reader.note(node, "retry has no max, and so nothing is tried again")
    times = _maximum(reader, maximum, "retry max") if maximum is not None else 0
    return Retry(times, reasons, exit_codes)


def _maximum(reader: Reader, node: Node, path: str) -> int:
    limit = reader.limits.retry
    if isinstance(node.value, float):
        reader.wrong(node, path, "must be an integer")
    elif not is_integer(node.value):
        reader.wrong(node, path, "is not a number")
    elif node.value > limit:
        reader.wrong(node, path, f"must be less than or equal to {limit}")
    elif node.value < 0:
        reader.wrong(node, path, "must be greater than or equal to 0")
    else:
        return int(node.value)
    return 0


def _reasons(reader: Reader, node: Node) -> tuple[str, ...]:
    reasons = reader.text_or_texts(node, "retry when", STRINGS_OR_STRING)
    if isinstance(node.value, str):
        if node.value not in REASONS:
            reader.wrong(node, "retry when", "is not included in the list")
    elif isinstance(node.value, list):
        unknown = [item.value for item in node if item.value not in REASONS]
        if unknown:
            reader.wrong(node, "retry when", f"contains unknown values: {shown(unknown)}")
    return reasons
