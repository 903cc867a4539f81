"""What the coordinator remembers: one file per noun."""

from shipline.coordinator.models.artifact import JobArtifact
from shipline.coordinator.models.ci_settings import ProjectCiSettings
from shipline.coordinator.models.job import Job
from shipline.coordinator.models.pipeline import Pipeline
from shipline.coordinator.models.project import Membership, Project, ProjectVariable, ProtectedBranch
from shipline.coordinator.models.runner import RegistrationToken, Runner, RunnerManager
from shipline.coordinator.models.token import PersonalAccessToken

__all__ = [
    "Job",
    "JobArtifact",
    "Membership",
    "PersonalAccessToken",
    "Pipeline",
    "Project",
    "ProjectCiSettings",
    "ProjectVariable",
    "ProtectedBranch",
    "RegistrationToken",
    "Runner",
    "RunnerManager",
]
