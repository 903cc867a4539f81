"""Runners with several projects and managers, registration tokens, two-phase commit, what is kept of a log."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def forward(apps, schema_editor):
    """A runner's project becomes the first of its projects; the manager it last asked from, a row."""
    runner_model = apps.get_model("coordinator", "Runner")
    manager_model = apps.get_model("coordinator", "RunnerManager")
    for runner in runner_model.objects.all():
        if runner.project_id is not None:
            runner.runner_type = "project_type"
            runner.save(update_fields=["runner_type"])
            runner.projects.add(runner.project_id)
        if runner.system_id:
            info = runner.info or {}
            told = {name: str(info.get(name, ""))[:64] for name in TOLD}
            manager_model.objects.create(
                runner=runner,
                system_id=runner.system_id,
                features=info.get("features", {}),
                contacted_at=runner.contacted_at,
                **told,
            )


TOLD = ("version", "revision", "platform", "architecture", "executor")
ID = models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")
USER = settings.AUTH_USER_MODEL


def word(limit=64):
    return models.CharField(max_length=limit, default="", blank=True)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(USER),
        ("coordinator", "0001_initial"),
    ]
    operations = [
        migrations.CreateModel(
            name="RunnerManager",
            fields=[
                ("id", ID),
                ("system_id", models.CharField(max_length=64)),
                *((name, word()) for name in TOLD),
                ("ip_address", word()),
                ("features", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("contacted_at", models.DateTimeField(null=True)),
                (
                    "runner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="managers",
                        to="coordinator.runner",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("runner", "system_id"), name="one_manager")]
            },
        ),
        migrations.CreateModel(
            name="RegistrationToken",
            fields=[
                ("id", ID),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "project",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="registration_token",
                        to="coordinator.project",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ProjectCiSettings",
            fields=[
                ("id", ID),
                ("default_git_depth", models.IntegerField(default=20)),
                ("separated_caches", models.BooleanField(default=True)),
                ("keep_latest_artifact", models.BooleanField(default=True)),
                (
                    "project",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="ci_settings",
                        to="coordinator.project",
                    ),
                ),
            ],
        ),
        migrations.AddField(
            "runner", "runner_type", models.CharField(max_length=16, default="instance_type")
        ),
        migrations.AddField("runner", "token_expires_at", models.DateTimeField(null=True)),
        migrations.AddField("runner", "maintenance_note", word(1024)),
        migrations.AddField("runner", "locked", models.BooleanField(default=False)),
        migrations.AddField(
            "runner",
            "creator",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=USER
            ),
        ),
        migrations.AlterField(
            "runner",
            "project",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="coordinator.project",
            ),
        ),
        migrations.AddField(
            "runner", "projects", models.ManyToManyField(related_name="runners", to="coordinator.project")
        ),
        migrations.AlterField("runner", "description", word(1024)),
        migrations.RunPython(forward, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField("runner", "project"),
        migrations.RemoveField("runner", "system_id"),
        migrations.RemoveField("runner", "info"),
        migrations.AddField(
            "job",
            "runner_manager",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="jobs",
                to="coordinator.runnermanager",
            ),
        ),
        migrations.AddField("job", "debug_trace", models.BooleanField(default=False)),
        migrations.AddField("job", "trace_integrity", word(12)),
        migrations.AddField("job", "coverage", models.FloatField(null=True)),
        migrations.AddField("job", "erased_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "job",
            "erased_by",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=USER
            ),
        ),
        migrations.AddField(
            "jobartifact", "accessibility", models.CharField(max_length=10, default="public")
        ),
    ]
