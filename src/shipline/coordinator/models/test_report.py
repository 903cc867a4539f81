from __future__ import annotations

from django.db import models

from shipline.coordinator.models.job import Job


class JobTestReport(models.Model):
    """What a job's JUnit report says: how many cases ended how, `seconds` of all together, `problem` of files that
    could not be read. `went_wrong` are the first cases that failed, cut to what a page shows; the report itself
    is an artifact. It stays when that expires, and goes with it when the job is erased. `accessibility` is the
    artifact's: the sums are for all who may see the job, the cases for those who may have the report."""

    job = models.OneToOneField(Job, models.CASCADE, related_name="test_report")
    success = models.IntegerField()
    failed = models.IntegerField()
    error = models.IntegerField()
    skipped = models.IntegerField()
    seconds = models.FloatField()
    problem = models.TextField(default="", blank=True)
    accessibility = models.CharField(max_length=10, default="public")
    went_wrong = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
