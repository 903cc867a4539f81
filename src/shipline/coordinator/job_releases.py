"""`release:` of a job: made by the coordinator when the job has succeeded.

GitLab gives such a job one step more, which calls its own programs (glab, release-cli) in the job's image; they
call the REST API. An image without them fails there. Here the coordinator makes the release itself, at the same
moment: after the script has succeeded, as the user who started the pipeline, with the variables known at the end.
It works in every image and with every runner. What fails the step there fails the job here: who waits for a
release shall not be told of a success without one. Two things differ: `after_script` has run before, and what a
shell would make of `$(...)` stays as it is written.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from shipline.coordinator.archives import ArchiveError, read_member
from shipline.coordinator.definitions import definition_of
from shipline.coordinator.job_values import filled_in, values_after
from shipline.coordinator.job_variables import hidden, secrets_of
from shipline.coordinator.models import Job, JobArtifact, Release
from shipline.coordinator.release_assets import Link
from shipline.coordinator.releases import DESCRIPTION_LIMIT, NewRelease, RefusedRelease, create
from shipline.coordinator.services import services
from shipline.coordinator.stored import stored_at
from shipline.model.definition import Release as ReleaseDefinition

# In bytes; a path is not longer.
PATH_LIMIT = 255


@dataclass(frozen=True, slots=True)
class Made:
    """`notice` is a line for the job's log, `failure` why there is no release; empty without `release:`."""

    notice: str = ""
    failure: str = ""


def make_release(job: Job) -> Made:
    """To be called before the job is said to have succeeded, and as often as its runner says so."""
    definition = definition_of(job)
    if definition.release is None:
        return Made()
    base = f"{services().config.coordinator.external_url}/{job.project.path_with_namespace}/-"
    values = {
        "CI_PIPELINE_URL": f"{base}/pipelines/{job.pipeline_id}",
        "CI_JOB_URL": f"{base}/jobs/{job.pk}",
        **values_after(job, definition),
    }
    made = _made(job, _wanted(job, definition.release, values))
    secrets = secrets_of(job)
    return Made(hidden(made.notice, secrets), hidden(made.failure, secrets))


def _made(job: Job, wanted: NewRelease) -> Made:
    user = job.pipeline.user
    if not wanted.tag:
        return Made(failure="release:tag_name is empty, and the pipeline is not one of a tag")
    if user is None or not user.is_active:
        return Made(failure="nobody is there any more in whose name the release could be made")
    if Release.objects.filter(project=job.project, tag=wanted.tag, job=job).exists():
        return Made(f"Release {wanted.tag} was made.")
    try:
        create(job.project, user, wanted, job)
    except RefusedRelease as error:
        if Release.objects.filter(project=job.project, tag=wanted.tag, job=job).exists():
            # The runner has asked twice, and the first answer was on its way.
            return Made(f"Release {wanted.tag} was made.")
        logging.getLogger(__name__).info("job %s: its release is refused with %s", job.pk, error.status)
        return Made(failure=f"the release of {wanted.tag} is refused: {error.words}")
    return Made(f"Release {wanted.tag} was made.")


def _wanted(job: Job, written: ReleaseDefinition, values: dict[str, str]) -> NewRelease:
    def filled(text: str | None) -> str:
        return filled_in(text or "", values).replace("\0", "")

    return NewRelease(
        tag=filled(written.tag_name).strip() or values.get("CI_COMMIT_TAG", ""),
        name=filled(written.name),
        description=_description(job, filled(written.description))[:DESCRIPTION_LIMIT],
        ref=filled(written.ref) or job.pipeline.sha,
        tag_message=filled(written.tag_message),
        released_at=_moment(written.released_at),
        links=tuple(
            Link(filled(link.name), filled(link.url), filled(link.filepath), link.link_type)
            for link in written.links
        ),
    )


def _moment(text: str | None) -> datetime | None:
    """The compiler has seen that it is one; without a zone it is UTC."""
    if not text:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _description(job: Job, text: str) -> str:
    """A path stands for what the file holds, as with GitLab: one of the job's own artifacts, or of the commit."""
    path = text.strip().removeprefix("./").lstrip("/")
    if not path or "\n" in path or len(path.encode()) > PATH_LIMIT:
        return text
    content = _artifact(job, path)
    if content is None:
        content = services().repositories.file(job.project_id, job.pipeline.sha, path)
    return text if content is None else content.decode(errors="replace").replace("\0", "")


def _artifact(job: Job, path: str) -> bytes | None:
    archive = JobArtifact.objects.filter(job=job, file_type="archive").first()
    if archive is None:
        return None
    try:
        return read_member(stored_at(archive), path, DESCRIPTION_LIMIT)
    except ArchiveError:
        # Large archives are not looked into; the file may be in the repository.
        return None
