"""The first minute of a coordinator: settings, database, secrets."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

from shipline.config import Config, DataFolder
from shipline.coordinator import settings as fixed
from shipline.coordinator import tokens
from shipline.coordinator.id_token_key import ensure_key
from shipline.coordinator.registry_certificate import ensure_certificate
from shipline.coordinator.secret_files import write_secret

ADMIN = "root"


def configure(data: DataFolder, config: Config) -> None:
    """Make Django ready for this data folder; to be called once per process."""
    folder = data.coordinator
    for name in ("repositories", "traces", "artifacts", "uploads"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for left in (folder / "uploads").iterdir():
        # Of the life before this one; nobody sends the rest.
        left.unlink()
    never_change = {name: getattr(fixed, name) for name in dir(fixed) if name.isupper()}
    depends = {
        "SECRET_KEY": _secret(folder / "secret-key"),
        "TEMPLATES": [{**fixed.TEMPLATES[0], "DIRS": [Path(__file__).parent / "web" / "templates"]}],
        "FILE_UPLOAD_TEMP_DIR": str(folder / "uploads"),
        "DATABASES": {"default": _database(folder / "db.sqlite3")},
        "SHIPLINE_DATA": data,
        "SHIPLINE_CONFIG": config,
    }
    settings.configure(**(never_change | depends))
    django.setup()


def _database(path: Path) -> dict[str, Any]:
    """SQLite, with many readers beside one writer."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            # A transaction takes the write lock when it begins, so that two never deadlock half way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON",
        },
    }


def prepare(data: DataFolder) -> None:
    """Migrate the database; on the first start make the administrator, its token and the keys that sign."""
    call_command("migrate", verbosity=0, interactive=False)
    user_model = apps.get_model("auth", "User")
    user, _ = user_model.objects.get_or_create(
        username=ADMIN, defaults={"is_superuser": True, "is_staff": True, "first_name": "Administrator"}
    )
    if not data.admin_token.exists():
        token = tokens.create_personal_access_token(user, "first administrator token", ["api", "admin_mode"])
        write_secret(data.admin_token, token)
    ensure_certificate(data.registry_token_certificate)
    ensure_key(data.id_token_key)


def _secret(path: Path) -> str:
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(50))
    return path.read_text().strip()
