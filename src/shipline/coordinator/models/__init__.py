"""What the coordinator remembers: one file per noun."""

from shipline.coordinator.models.artifact import JobArtifact
from shipline.coordinator.models.ci_settings import ProjectCiSettings
from shipline.coordinator.models.job import Job
from shipline.coordinator.models.merge_request import MergeRequest
from shipline.coordinator.models.pending_push import PendingPush
from shipline.coordinator.models.pipeline import Pipeline
from shipline.coordinator.models.project import Membership, Project, ProjectVariable, ProtectedBranch
from shipline.coordinator.models.runner import RegistrationToken, Runner, RunnerManager
from shipline.coordinator.models.schedule import PipelineSchedule
from shipline.coordinator.models.token import PersonalAccessToken
from shipline.coordinator.models.trigger_token import TriggerToken

__all__ = [
    "Job",
    "JobArtifact",
    "Membership",
    "MergeRequest",
    "PendingPush",
    "PersonalAccessToken",
    "Pipeline",
    "PipelineSchedule",
    "Project",
    "ProjectCiSettings",
    "ProjectVariable",
    "ProtectedBranch",
    "RegistrationToken",
    "Runner",
    "RunnerManager",
    "TriggerToken",
]
