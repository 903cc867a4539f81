"""What the coordinator remembers: one file per noun."""

from shipline.coordinator.models.artifact import JobArtifact
from shipline.coordinator.models.ci_settings import ProjectCiSettings
from shipline.coordinator.models.commit_status import CommitStatus
from shipline.coordinator.models.deployment import Deployment
from shipline.coordinator.models.environment import Environment
from shipline.coordinator.models.group import Group, GroupMember
from shipline.coordinator.models.job import Job
from shipline.coordinator.models.merge_request import MergeRequest
from shipline.coordinator.models.pending_push import PendingPush
from shipline.coordinator.models.pipeline import Pipeline
from shipline.coordinator.models.project import Membership, Project, ProtectedBranch, ProtectedTag
from shipline.coordinator.models.release import Release, ReleaseLink
from shipline.coordinator.models.resource_group import ResourceGroup
from shipline.coordinator.models.runner import RegistrationToken, Runner, RunnerManager
from shipline.coordinator.models.schedule import PipelineSchedule
from shipline.coordinator.models.test_report import JobTestReport
from shipline.coordinator.models.token import PersonalAccessToken
from shipline.coordinator.models.trigger_token import TriggerToken
from shipline.coordinator.models.variable import GroupVariable, InstanceVariable, ProjectVariable

__all__ = [
    "CommitStatus",
    "Deployment",
    "Environment",
    "Group",
    "GroupMember",
    "GroupVariable",
    "InstanceVariable",
    "Job",
    "JobArtifact",
    "JobTestReport",
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
    "ProtectedTag",
    "RegistrationToken",
    "Release",
    "ReleaseLink",
    "ResourceGroup",
    "Runner",
    "RunnerManager",
    "TriggerToken",
]
