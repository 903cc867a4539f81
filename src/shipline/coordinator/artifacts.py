"""What jobs leave behind: stored, checked, read again."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from shipline.coordinator import access, dotenv, test_reports
from shipline.coordinator.archive_check import BadArchive, check_archive
from shipline.coordinator.jobs import is_live, over
from shipline.coordinator.models import Job, JobArtifact, JobTestReport, Project
from shipline.coordinator.progress import lock, tell
from shipline.coordinator.refusal import Refusal
from shipline.coordinator.services import services
from shipline.coordinator.stored import stored_at
from shipline.model.duration import parse_duration
from shipline.protocols.artifact_types import ARTIFACT_TYPES, OWN_TYPES

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

ARTIFACT_LIMIT = 1024 * 1024 * 1024
DEFAULT_EXPIRY = timedelta(days=30)
# From which access level people may have an artifact, by its accessibility.
_LEVELS = {"public": access.GUEST, "private": access.DEVELOPER, "maintainer": access.MAINTAINER}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was received whole and is on disk at `source`."""

    source: Path
    file_type: str
    file_format: str
    filename: str
    size: int
    sha256: str
    expire_in: str = ""


def check_kind(file_type: str, file_format: str) -> None:
    """Raises Refusal 400 unless this is something that jobs leave, in the format that GitLab takes it in."""
    known = ARTIFACT_TYPES.get(file_type)
    if known is None or file_type in OWN_TYPES:
        raise Refusal(400, "400 Bad request - artifact_type does not have a valid value")
    if file_format != known.format:
        raise Refusal(400, f"400 Bad request - a {file_type} artifact's format is {known.format}")


def store_artifact(job: Job, upload: Upload) -> JobArtifact:
    """Take over a file. Raises Refusal 400 when the job has another of that type, or when it could do harm."""
    _check_content(upload)
    tests = _tests_in(job, upload)
    folder = Path(str(job.project_id)) / str(job.pk)
    relative = folder / f"{upload.file_type}.{upload.file_format}"
    target = services().data.coordinator / "artifacts" / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    with transaction.atomic():
        # From here on nobody else stores one of the same type: neither the row nor the file is another's.
        locked = lock(job)
        if not is_live(locked):
            raise over(locked)
        existing = JobArtifact.objects.filter(job=job, file_type=upload.file_type).first()
        if existing is not None:
            if existing.sha256 == upload.sha256:
                return existing
            raise Refusal(400, "400 Bad request - another artifact of the same type already exists")
        upload.source.replace(target)
        _sync(target.parent)
        if tests is not None:
            tests.accessibility = accessibility_of(locked)
            tests.save()
            tell(f"job:{job.pk}", f"pipeline:{job.pipeline_id}")
        return JobArtifact.objects.create(
            job=job,
            file_type=upload.file_type,
            file_format=upload.file_format,
            filename=upload.filename,
            file=str(relative),
            size=upload.size,
            sha256=upload.sha256,
            accessibility=accessibility_of(locked),
            expire_at=expiry(upload.expire_in, timezone.now()),
        )


def _sync(folder: Path) -> None:
    """A file's name is on disk only when its folder is."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _check_content(upload: Upload) -> None:
    """What is wrong with it is told to the job that made it, not to those that depend on it."""
    try:
        if upload.file_type == "dotenv":
            dotenv.parse(dotenv.read(upload.source))
        elif upload.file_format == "zip":
            with upload.source.open("rb") as file:
                check_archive(file, upload.size)
    except dotenv.BadDotenv as error:
        raise Refusal(400, f"400 Bad request - {error}") from error
    except BadArchive as error:
        raise Refusal(400, f"400 Bad request - the {upload.file_type} is refused: {error}") from error


def _tests_in(job: Job, upload: Upload) -> JobTestReport | None:
    """What is wrong with a report of tests is no reason to lose it: pages tell."""
    if upload.file_type != "junit":
        return None
    return test_reports.summary_of(job, test_reports.read(upload.source))


def accessibility_of(job: Job) -> str:
    """By `artifacts:access`, or `artifacts:public` of old."""
    wanted = job.definition.get("artifacts") or {}
    named = {"all": "public", "developer": "private", "maintainer": "maintainer", "none": "none"}
    if wanted.get("access"):
        return named.get(wanted["access"], "private")
    return "private" if wanted.get("public") is False else "public"


def may_download(user: User | AnonymousUser | None, artifact: JobArtifact) -> bool:
    """People, that is; jobs get what the jobs before them left, whoever may look at it."""
    return artifact.accessibility in accessible_to(user, artifact.job.project)


def accessible_to(user: User | AnonymousUser | None, project: Project) -> frozenset[str]:
    """The accessibilities of the artifacts that somebody may have."""
    if not access.may(user, project, access.Ability.READ_ARTIFACTS):
        return frozenset()
    level = access.level(user, project)
    return frozenset(word for word, needed in _LEVELS.items() if level >= needed)


def expiry(expire_in: str, now: datetime) -> datetime | None:
    """None is never. What is no duration is the instance's default, as nothing is."""
    if expire_in == "never":
        return None
    try:
        seconds = parse_duration(expire_in) if expire_in else None
        return now + (timedelta(seconds=seconds) if seconds else DEFAULT_EXPIRY)
    except OverflowError:
        # Later than any date is never.
        return None


def delete_artifacts(rows: Iterable[JobArtifact]) -> None:
    for artifact in rows:
        remove_artifact(artifact)


def remove_artifact(artifact: JobArtifact) -> None:
    """The row first: a file without a row is litter, a row without its file would be a lie."""
    path = stored_at(artifact)
    with transaction.atomic():
        artifact.delete()
        transaction.on_commit(lambda: path.unlink(missing_ok=True))
