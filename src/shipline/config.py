"""The only reader of environment variables and config files.

Everything a system keeps is in one data folder:

    owner                 a random id; the label on every container this folder's programs start
    config.toml           addresses and ports of the programs (written by `shipline up`, stays)
    coordinator/          db.sqlite3, repositories/, traces/, artifacts/, admin-token,
                          registry-token.crt, registry-token.key
    registry/             config.yml, ca.crt, ca.key, tls.crt, tls.key, storage/
    runner/               config.toml, docker/ (mounted into docker:dind)
    aws/                  local-aws.sqlite3, ecr-token.key, ecr-token.pub, haproxy/, volumes/
    run/                  up.json (what runs now), logs
"""

from __future__ import annotations

import json
import os
import secrets
import tomllib
from collections.abc import Mapping, MutableMapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from shipline.errors import UsageError

CONTAINER_DOMAIN = "shipline.internal"
DATABASE_URL = "SHIPLINE_DATABASE_URL"


@dataclass(frozen=True, slots=True)
class DataFolder:
    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.toml"

    @property
    def coordinator(self) -> Path:
        return self.root / "coordinator"

    @property
    def registry(self) -> Path:
        return self.root / "registry"

    @property
    def runner(self) -> Path:
        return self.root / "runner"

    @property
    def aws(self) -> Path:
        return self.root / "aws"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def admin_token(self) -> Path:
        return self.coordinator / "admin-token"

    @property
    def registry_token_certificate(self) -> Path:
        """The certificate with which the coordinator signs registry tokens; the registry trusts it."""
        return self.coordinator / "registry-token.crt"

    @property
    def id_token_key(self) -> Path:
        """The PEM private key with which the coordinator signs the ID tokens of jobs."""
        return self.coordinator / "id-token.key"

    @property
    def ecr_public_key(self) -> Path:
        """The PEM public key of the JWTs that the local ECR gives out as passwords for user AWS."""
        return self.aws / "ecr-token.pub"

    def owner(self) -> str:
        """The id of this folder, made at the first call."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / "owner"
        try:
            with path.open("x") as file:
                file.write(secrets.token_hex(6))
        except FileExistsError:
            pass
        return path.read_text().strip()


@dataclass(frozen=True, slots=True)
class Coordinator:
    """`external_url` is for people and programs on this host; `container_url` for git, artifacts and the
    registry's token service inside containers. `bind` are the addresses to listen on."""

    port: int = 8080
    bind: tuple[str, ...] = ("127.0.0.1",)
    external_url: str = "http://127.0.0.1:8080"
    container_url: str = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Registry:
    """`address` is the name in image references; `engine_address` where this host's engine reaches it;
    `aliases` are further names of the same registry. No address: there is no registry."""

    address: str = ""
    engine_address: str = ""
    aliases: tuple[str, ...] = ()
    service: str = "shipline-registry"
    issuer: str = "shipline"

    def for_engine(self) -> dict[str, str]:
        """Registry name in image references -> address for the engine."""
        return dict.fromkeys((self.address, *self.aliases), self.engine_address) if self.address else {}


@dataclass(frozen=True, slots=True)
class LocalAws:
    """`endpoint_url` is for clients on this host, `container_url` for those in containers."""

    port: int = 4566
    bind: tuple[str, ...] = ("127.0.0.1",)
    endpoint_url: str = "http://127.0.0.1:4566"
    container_url: str = "http://127.0.0.1:4566"
    region: str = "us-east-1"
    account_id: str = "123456789012"


@dataclass(frozen=True, slots=True)
class Runners:
    """`allow_registration_token` lets registration tokens make runners, as before GitLab 16.
    `token_expiration_seconds` after which a runner's new token opens nothing; 0: never. `silence_seconds` after
    which a runner that tells nothing of its job is taken for dead; `acknowledge_seconds` after which a job goes
    back to the queue that a runner was handed and has not begun (two-phase commit)."""

    allow_registration_token: bool = False
    token_expiration_seconds: int = 0
    silence_seconds: int = 600
    acknowledge_seconds: int = 120


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How many calls a minute; 0 is no limit. The first is per runner token, the next two per job token,
    `failed_sign_ins` and `unauthenticated` (API calls that are refused with 401) per address."""

    job_requests: int = 2000
    job_traces: int = 200
    job_calls: int = 200
    failed_sign_ins: int = 10
    unauthenticated: int = 300


@dataclass(frozen=True, slots=True)
class Config:
    coordinator: Coordinator = field(default_factory=Coordinator)
    registry: Registry = field(default_factory=Registry)
    aws: LocalAws = field(default_factory=LocalAws)
    # What `[limits]` sets, by the names of `compiler/limits.py`, which knows them.
    limits: Mapping[str, Any] = field(default_factory=dict)
    runners: Runners = field(default_factory=Runners)
    rate_limits: RateLimits = field(default_factory=RateLimits)


_SECTIONS = {
    "coordinator": Coordinator,
    "registry": Registry,
    "aws": LocalAws,
    "runners": Runners,
    "rate_limits": RateLimits,
}


def load(data: DataFolder) -> Config:
    """Read `config.toml` of the data folder; without one, the defaults. Raises UsageError, naming the file
    and the key, for anything that is not known or has the wrong type."""
    if not data.config.exists():
        return Config()
    try:
        document = tomllib.loads(data.config.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{data.config} is not valid TOML: {error}.") from error
    limits = document.pop("limits", {})
    if not isinstance(limits, dict):
        raise UsageError(f"{data.config}: [limits] must be a section.")
    unknown = set(document) - set(_SECTIONS)
    if unknown:
        raise UsageError(f"{data.config}: unknown section [{sorted(unknown)[0]}].")
    return Config(
        **{name: _section(data.config, name, document.get(name, {})) for name in _SECTIONS}, limits=limits
    )


def save(data: DataFolder, config: Config) -> None:
    """Write `config.toml`, all at once."""
    lines = []
    for name, values in asdict(config).items():
        if not values:
            continue
        lines.append(f"[{name}]")
        # JSON's strings, numbers and flat lists are TOML's too.
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        lines.append("")
    data.root.mkdir(parents=True, exist_ok=True)
    temporary = data.config.with_suffix(".new")
    temporary.write_text("\n".join(lines))
    temporary.replace(data.config)


def _section(path: Path, name: str, values: Any) -> Any:
    section = _SECTIONS[name]
    if not isinstance(values, dict):
        raise UsageError(f"{path}: [{name}] must be a section.")
    known = {f.name: getattr(section(), f.name) for f in fields(section)}
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{path}: [{name}] has no setting {key!r}.", hint=f"Known: {', '.join(known)}.")
        read = tuple(value) if isinstance(value, list) else value
        if type(read) is not type(known[key]):
            raise UsageError(f"{path}: {key!r} in [{name}] must be like {known[key]!r}, not {value!r}.")
        kept[key] = read
    return section(**kept)


def default_data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`$SHIPLINE_DATA`, else `$XDG_DATA_HOME/shipline`, else `~/.local/share/shipline`."""
    if named := environ.get("SHIPLINE_DATA"):
        return Path(named)
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "shipline"


def default_cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where what may be kept between runs lies: an own engine's images. `$SHIPLINE_CACHE`, else
    `$XDG_CACHE_HOME/shipline`, else `~/.cache/shipline`."""
    if named := environ.get("SHIPLINE_CACHE"):
        return Path(named)
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shipline"


def demo_data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The demo's system has its own data folder, out of the way of the user's."""
    return default_cache_folder(environ) / "demo"


def docker_host(environ: Mapping[str, str] = os.environ) -> str | None:
    """What DOCKER_HOST says, if anything."""
    return environ.get("DOCKER_HOST") or None


def runner_config_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The runner's config.toml that CONFIG_FILE names, as it does for gitlab-runner."""
    named = environ.get("CONFIG_FILE")
    return Path(named) if named else None


def browser(environ: Mapping[str, str] = os.environ) -> str | None:
    """The Chromium that SHIPLINE_BROWSER names, if any."""
    return environ.get("SHIPLINE_BROWSER") or None


def take_database_url(environ: MutableMapping[str, str] = os.environ) -> str | None:
    """The PostgreSQL that SHIPLINE_DATABASE_URL names, if any. It holds a password: it is taken out, so that no
    program that we start inherits it; the coordinator is given it."""
    return environ.pop(DATABASE_URL, "") or None


def postgresql(environ: Mapping[str, str] = os.environ) -> str | None:
    """The folder with PostgreSQL's server programs that SHIPLINE_POSTGRESQL names, if any: for tests."""
    return environ.get("SHIPLINE_POSTGRESQL") or None
