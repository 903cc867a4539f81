"""The first minute of a coordinator: settings, database, secrets."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from shipline.config import Config, DataFolder
from shipline.coordinator import database, tokens
from shipline.coordinator import settings as fixed
from shipline.coordinator.folder import starting
from shipline.coordinator.id_token_key import ensure_key
from shipline.coordinator.registry_certificate import ensure_certificate
from shipline.coordinator.secret_files import write_secret

ADMIN = "root"


def configure(data: DataFolder, config: Config, database_url: str | None) -> None:
    """Make Django ready for this data folder, which is held; to be called once per process."""
    folder = data.coordinator
    with starting(folder):
        secret = _secret(folder / "secret-key")
    never_change = {name: getattr(fixed, name) for name in dir(fixed) if name.isupper()}
    depends = {
        "SECRET_KEY": secret,
        "TEMPLATES": [{**fixed.TEMPLATES[0], "DIRS": [Path(__file__).parent / "web" / "templates"]}],
        "FILE_UPLOAD_TEMP_DIR": str(folder / "uploads"),
        "DATABASES": {"default": database.settings_of(database_url, folder / "db.sqlite3")},
        **_behind_tls(config.coordinator.external_url),
        "SHIPLINE_DATA": data,
        "SHIPLINE_CONFIG": config,
    }
    settings.configure(**(never_change | depends))
    django.setup()


def _behind_tls(external_url: str) -> dict[str, Any]:
    """What stands before us may speak TLS for us: browsers then say where they are by that address, and keep what
    opens the pages to it."""
    parts = urlsplit(external_url)
    if parts.scheme != "https":
        return {}
    return {
        "CSRF_TRUSTED_ORIGINS": [f"https://{parts.netloc}"],
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
    }


def prepare(data: DataFolder) -> None:
    """Migrate the database; on the first start make the administrator, its token and the keys that sign. Raises
    HostError when the database cannot be reached."""
    with database.reached(), starting(data.coordinator), database.starting_alone():
        _migrate()
        user_model = apps.get_model("auth", "User")
        user, fresh = user_model.objects.get_or_create(
            username=ADMIN, defaults={"is_superuser": True, "is_staff": True, "first_name": "Administrator"}
        )
        if fresh or not data.admin_token.exists():
            # A folder that was used with another database has a token already; it goes on being the one.
            kept = (
                data.admin_token.read_text().strip()
                if data.admin_token.exists()
                else tokens.fresh(tokens.PERSONAL)
            )
            tokens.create_personal_access_token(
                user, "first administrator token", ["api", "admin_mode"], token=kept
            )
            write_secret(data.admin_token, kept)
        ensure_certificate(data.registry_token_certificate)
        ensure_key(data.id_token_key)


def _migrate() -> None:
    """Only when there is something to do: Django looks at much more than that, at every start."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def _secret(path: Path) -> str:
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(50))
    return path.read_text().strip()
