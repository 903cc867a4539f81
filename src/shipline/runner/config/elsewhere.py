"""Keys of gitlab-runner's config.toml that are not here yet, by table: known, so that a file which has them can
be read and told of, and no guess is made at what they may have meant."""

from __future__ import annotations

from collections.abc import Mapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOT_YET: Mapping[str, frozenset[str]] = {
    "": _names("experimental labels machine sentry_dsn session_server user"),
    "[[runners]]": _names(
        """autoscaler clean_git_config custom custom_build_dir force_kill_timeout graceful_kill_timeout instance
        job_status_final_update_retry_limit kubernetes labels machine monitoring parallels proxy_exec referees
        safe_directory_checkout slot_cgroup_template ssh step_runner_image strict_check_interval system_id
        use_slot_cgroups virtualbox"""
    ),
    "[runners.docker]": _names(
        """allowed_users cgroup_parent container_labels cpuset_mems device_cgroup_rules enable_ipv6 group_add
        helper_image_autoset_arch_and_os helper_image_flavor hostname ipcmode isolation log_options mac_address
        oom_score_adjust service_cgroup_parent service_cpu_shares service_cpus service_cpuset_cpus service_gpus
        service_memory service_memory_reservation service_memory_swap service_slot_cgroup_template
        services_devices services_limit services_security_opt services_tmpfs tmpfs volume_driver
        volume_driver_ops volume_keep"""
    ),
    "[[runners.docker.services]]": frozenset(),
    "[runners.cache]": frozenset(("gcs", "azure")),
    "[runners.cache.s3]": _names(
        """Accelerate AssumeRoleMaxConcurrency DualStack RoleARN ServerSideEncryption ServerSideEncryptionKeyID
        UploadRoleARN"""
    ),
}
# Without them everything works as if they were heeded.
HARMLESS = frozenset(("connection_max_age",))
OLD_NAMES: Mapping[str, str] = {
    "pre_clone_script": "pre_get_sources_script",
    "post_clone_script": "post_get_sources_script",
}
