"""Runners of groups."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("coordinator", "0005_access"),
    ]
    operations = [
        migrations.AddField(
            "runner",
            "group",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="runners",
                to="coordinator.group",
            ),
        ),
    ]
