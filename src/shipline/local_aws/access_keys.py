"""The access keys that the local endpoint accepts: one pair, in an AWS credentials file (mode 0600)."""

from __future__ import annotations

import configparser
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from shipline.errors import UsageError

PROFILE = "default"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True, slots=True)
class AccessKey:
    id: str
    secret: str

    def __repr__(self) -> str:
        return f"AccessKey({self.id!r}, ...)"


def ensure(path: Path) -> AccessKey:
    """The pair in the file, made at the first call. Raises UsageError for a file that holds none."""
    if not path.exists():
        key = AccessKey(
            "AKIA" + "".join(secrets.choice(_ALPHABET) for _ in range(16)), secrets.token_urlsafe(30)
        )
        _write(path, key)
        return key
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path)
        profile = parser[PROFILE]
        return AccessKey(profile["aws_access_key_id"], profile["aws_secret_access_key"])
    except (configparser.Error, KeyError) as error:
        raise UsageError(
            f"{path} holds no profile [{PROFILE}] with a key.", hint="Remove it to have one made."
        ) from error


def _write(path: Path, key: AccessKey) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"[{PROFILE}]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
