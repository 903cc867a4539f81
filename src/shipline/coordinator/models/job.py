from __future__ import annotations

from django.conf import settings
from django.db import models

from shipline.coordinator.models.demand import DemandField
from shipline.coordinator.models.environment import Environment
from shipline.coordinator.models.pipeline import Pipeline
from shipline.coordinator.models.project import Project
from shipline.coordinator.models.resource_group import ResourceGroup
from shipline.coordinator.models.runner import Runner, RunnerManager


class Job(models.Model):
    """`definition` is the compiled job. `token_hash` is of the token that the runner works with. `reason`
    says why it has its status; `notices` are lines that stand before its log. A pending job with a
    `runner_manager` has been handed to it and waits for its word (two-phase commit). `debug_trace`: the log
    may hold secrets, developers only see it. `trace_integrity` is matched or mismatched once the runner has
    said what the log should be. A `bridge` runs on no runner: it starts another pipeline, or shows the status of
    one. `variables` and `inputs` are what somebody gave to the job when starting it."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="jobs")
    pipeline = models.ForeignKey(Pipeline, models.CASCADE, related_name="jobs")
    name = models.CharField(max_length=255)
    stage = models.CharField(max_length=255)
    stage_index = models.IntegerField()
    status = models.CharField(max_length=24, default="created")
    reason = models.CharField(max_length=255, default="", blank=True)
    definition = models.JSONField()
    # What queue.py compares with runners.
    demand = DemandField(max_length=700, default="", editable=False)
    bridge = models.BooleanField(default=False)
    variables = models.JSONField(default=list)
    inputs = models.JSONField(default=dict)
    allow_failure = models.BooleanField(default=False)
    attempt = models.IntegerField(default=0)
    retried = models.BooleanField(default=False)
    runner = models.ForeignKey(Runner, models.SET_NULL, null=True, related_name="jobs")
    runner_manager = models.ForeignKey(RunnerManager, models.SET_NULL, null=True, related_name="jobs")
    environment = models.ForeignKey(Environment, models.SET_NULL, null=True, related_name="jobs")
    resource_group = models.ForeignKey(ResourceGroup, models.SET_NULL, null=True, related_name="jobs")
    waiting_for_resource_at = models.DateTimeField(null=True)
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    timeout = models.IntegerField(default=3600)
    scheduled_at = models.DateTimeField(null=True)
    failure_reason = models.CharField(max_length=64, default="", blank=True)
    exit_code = models.IntegerField(null=True)
    notices = models.JSONField(default=list)
    trace_size = models.BigIntegerField(default=0)
    debug_trace = models.BooleanField(default=False)
    trace_integrity = models.CharField(max_length=12, default="", blank=True)
    coverage = models.FloatField(null=True)
    erased_at = models.DateTimeField(null=True)
    erased_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    # The last sign of life from its runner.
    contacted_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["status", "id"], name="queue"),
            # The first job of each demand, and which demands there are: queue.py.
            models.Index(fields=["status", "demand", "id"], name="queue_by_demand"),
            models.Index(fields=["pipeline", "status"], name="jobs_of_pipeline"),
        )
