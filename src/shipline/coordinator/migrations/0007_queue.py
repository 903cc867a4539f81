"""What a job asks of a runner, in a column with an index: the hand-out reads no other job's definition."""

from __future__ import annotations

from django.db import migrations, models

import shipline.coordinator.models.demand
from shipline.coordinator.demand import word_of


def fill(apps, schema_editor):
    job_model = apps.get_model("coordinator", "Job")
    names = ("pk", "project_id", "pipeline__protected", "definition__tags")
    for pk, project_id, protected, tags in job_model.objects.values_list(*names).iterator():
        job_model.objects.filter(pk=pk).update(demand=word_of(project_id, protected, tags or ()))


class Migration(migrations.Migration):
    # PostgreSQL makes no index on a table that the same transaction has written to.
    atomic = False

    dependencies = [("coordinator", "0006_group_runners")]

    operations = [
        migrations.AddField(
            model_name="job",
            name="demand",
            field=shipline.coordinator.models.demand.DemandField(default="", editable=False, max_length=700),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="job", index=models.Index(fields=["status", "demand", "id"], name="queue_by_demand")
        ),
        migrations.AddIndex(
            model_name="job", index=models.Index(fields=["pipeline", "status"], name="jobs_of_pipeline")
        ),
    ]
