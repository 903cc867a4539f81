"""`id_tokens` of a job at the moment it is handed out: what the tokens say, and the variables that hold them.

Docs: https://docs.gitlab.com/ci/secrets/id_token_authentication
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

from shipline.coordinator import access, protections
from shipline.coordinator.environment_variables import JobEnvironment
from shipline.coordinator.id_token_key import read_key
from shipline.coordinator.models import Group, GroupMember, Job, Runner
from shipline.coordinator.services import services
from shipline.model.definition import JobDefinition
from shipline.model.expansion import expand, expand_all
from shipline.model.variable import Variable, last_wins
from shipline.protocols import id_token
from shipline.protocols.id_token import EnvironmentClaims, JobClaims


def id_tokens(
    job: Job,
    definition: JobDefinition,
    runner: Runner,
    environment: JobEnvironment | None,
    known: Iterable[Variable],
    lifetime: int,
) -> tuple[Variable, ...]:
    """One variable for each token, to be masked like any secret. `known` are the job's other variables: an
    audience may name them. `lifetime` in seconds: a token is worth nothing once the job must be over."""
    if not definition.id_tokens:
        return ()
    key = read_key(services().data.id_token_key)
    said = _claims(job, runner, environment)
    values = {one.key: one.value for one in expand_all(last_wins(known))}
    made = []
    for wanted in definition.id_tokens:
        content = id_token.claims(
            said,
            [expand(one, values.get) for one in wanted.aud],
            issuer=services().config.coordinator.external_url,
            now=int(time.time()),
            lifetime=lifetime,
            token_id=str(uuid.uuid4()),
        )
        token = id_token.signed(content, key)
        made.append(Variable(wanted.name, token, public=False, masked=True, raw=True))
    return tuple(made)


def _claims(job: Job, runner: Runner, environment: JobEnvironment | None) -> JobClaims:
    pipeline, project = job.pipeline, job.project
    user = pipeline.user
    ref_type, ref = protections.ref_of(pipeline)
    level = min(access.level(user, project), access.OWNER) if user is not None else access.NONE
    namespace = Group.objects.filter(full_path=project.namespace).first()
    rows = GroupMember.objects.filter(user=user.pk) if user is not None else GroupMember.objects.none()
    groups = rows.order_by("group__full_path").values_list("group__full_path", flat=True)
    # The configuration of a child pipeline is made by its parent: it lies at no address.
    is_file = pipeline.source != "parent_pipeline"
    found = (one["value"] for one in pipeline.predefined if one["key"] == "CI_CONFIG_REF_URI")
    return JobClaims(
        project_id=project.pk,
        project_path=project.path_with_namespace,
        project_visibility=project.visibility,
        namespace_id=namespace.pk if namespace is not None else None,
        namespace_path=project.namespace,
        user_id=user.pk if user is not None else None,
        user_login=user.username if user is not None else "",
        user_email=user.email if user is not None else "",
        user_access_level=id_token.LEVELS.get(level, ""),
        pipeline_id=pipeline.pk,
        pipeline_source=pipeline.source,
        job_id=job.pk,
        ref=ref,
        ref_type="tag" if ref_type == "tag" else "branch",
        ref_protected=pipeline.protected,
        sha=pipeline.sha,
        runner_id=runner.pk,
        config_ref=next(found, "") if is_file else "",
        groups=tuple(groups[: id_token.GROUPS_LIMIT + 1]),
        environment=EnvironmentClaims(environment.name, environment.tier, environment.action)
        if environment is not None
        else None,
    )
