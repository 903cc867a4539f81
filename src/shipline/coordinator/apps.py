"""Django's registration of the coordinator."""

from __future__ import annotations

from django.apps import AppConfig


class CoordinatorConfig(AppConfig):
    name = "shipline.coordinator"
    label = "coordinator"
    default_auto_field = "django.db.models.BigAutoField"
