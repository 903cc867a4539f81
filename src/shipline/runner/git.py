"""How a job gets its sources: from the GIT_ variables to a script for the helper. Pure.

The job's refspecs are fetched and its commit checked out; the name of its ref is only shown. Credentials
come by git's environment, so that they are in no file, no remote's address and no argument. A work tree that
an earlier job left keeps its objects; its configuration and its hooks are made anew, because that job could
write what the helper would run.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from shipline.errors import ProtocolError
from shipline.protocols.runner_api import JobPayload
from shipline.runner.script import quote
from shipline.runner.trace import GREEN, RESET
from shipline.runner.variables import Variables
from shipline.version import __version__

STRATEGIES = ("fetch", "clone", "none", "empty")
TLS_SETTINGS = ("sslCAInfo", "sslCert", "sslKey")
SUBMODULES = ("none", "normal", "recursive")
FETCH_FLAGS = ("--prune", "--quiet")
USER_AGENT = f"git shipline-runner/{__version__}"


@dataclass(frozen=True, slots=True)
class GitOptions:
    """`depth` 0: everything. `clean` None: the work tree is not cleaned. `submodule_depth` as `depth`."""

    strategy: str = "fetch"
    depth: int = 0
    checkout: bool = True
    clean: tuple[str, ...] | None = ("-ffdx",)
    fetch: tuple[str, ...] = FETCH_FLAGS
    submodules: str = "none"
    submodule_depth: int = 0
    submodule_paths: tuple[str, ...] = ()
    submodule_update: tuple[str, ...] = ()
    force_https: bool = False
    lfs: bool = True
    object_format: str = "sha1"
    user_agent: str = USER_AGENT


def git_options(payload: JobPayload, variables: Variables) -> GitOptions:
    """Raises ProtocolError for a strategy that there is not."""
    depth = _number(variables.get("GIT_DEPTH"), payload.git_info.depth)
    return GitOptions(
        strategy=_one_of(
            variables, "GIT_STRATEGY", STRATEGIES, "fetch" if payload.allow_git_fetch else "clone"
        ),
        depth=depth,
        checkout=variables.truth("GIT_CHECKOUT", True),
        clean=_clean(variables.get("GIT_CLEAN_FLAGS")),
        fetch=_words(variables.get("GIT_FETCH_EXTRA_FLAGS"), FETCH_FLAGS),
        submodules=_one_of(variables, "GIT_SUBMODULE_STRATEGY", SUBMODULES, "none"),
        submodule_depth=_number(variables.get("GIT_SUBMODULE_DEPTH"), depth),
        submodule_paths=_words(variables.get("GIT_SUBMODULE_PATHS"), ()),
        submodule_update=_words(variables.get("GIT_SUBMODULE_UPDATE_FLAGS"), ()),
        force_https=variables.truth("GIT_SUBMODULE_FORCE_HTTPS"),
        lfs=not variables.truth("GIT_LFS_SKIP_SMUDGE"),
        object_format=payload.git_info.repo_object_format or "sha1",
        user_agent=variables.get("GIT_USER_AGENT", USER_AGENT),
    )


def _one_of(variables: Variables, key: str, choices: Sequence[str], default: str) -> str:
    value = variables.get(key, default)
    if value not in choices:
        raise ProtocolError(f"{key} is {value!r}.", hint=f"It can be {', '.join(choices)}.")
    return value


def _number(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else default


def _words(text: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """`none` means none."""
    if not text.strip():
        return default
    if text.strip() == "none":
        return ()
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def _clean(text: str) -> tuple[str, ...] | None:
    return None if text.strip() == "none" else _words(text, ("-ffdx",))


def address(repo_url: str, clone_url: str) -> tuple[str, str]:
    """The address to clone from without its credentials, and those for a Basic header (empty without any).
    `clone_url` replaces the server's part. Raises ProtocolError for what is no address."""
    try:
        parts = urlsplit(repo_url)
    except ValueError:
        # What Python says of it may hold the credentials.
        raise ProtocolError(
            "the repository's address is none that git could use.", hint="The coordinator has made it."
        ) from None
    user, password = parts.username or "", parts.password or ""
    host, scheme, path = parts.netloc.rpartition("@")[2], parts.scheme, parts.path
    if clone_url:
        other = urlsplit(clone_url.rstrip("/"))
        scheme, host, path = other.scheme, other.netloc.rpartition("@")[2], other.path + path
    basic = base64.b64encode(f"{user}:{password}".encode()).decode() if user or password else ""
    return urlunsplit((scheme, host, path, "", "")), basic


def server(url: str) -> str:
    """`scheme://host:port/`, where the credentials are good: also for submodules and Git LFS."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/", "", ""))


def environment(
    url: str,
    basic: str,
    options: GitOptions | None = None,
    *,
    external: str = "",
    tls_files: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """For every git of the stage. `external` is the server as people write it, where that is not `url`'s;
    `tls_files` maps TLS_SETTINGS to files for it."""
    options = options or GitOptions()
    here = server(url)
    settings = [
        ("safe.directory", "*"),
        ("core.hooksPath", "/dev/null"),
        ("core.fsmonitor", "false"),
        ("fetch.recurseSubmodules", "false"),
        ("gc.autoDetach", "false"),
    ]
    if basic:
        settings.append((f"http.{here}.extraHeader", f"Authorization: Basic {basic}"))
    if options.user_agent:
        settings.append(("http.userAgent", options.user_agent))
    settings += [(f"http.{here}.{setting}", path) for setting, path in (tls_files or {}).items()]
    if external and server(external) != here:
        settings.append((f"url.{here}.insteadOf", server(external)))
    if options.force_https:
        for host in dict.fromkeys((urlsplit(external or url).hostname, urlsplit(url).hostname)):
            settings += [(f"url.{here}.insteadOf", f"git@{host}:")]
            settings += [(f"url.{here}.insteadOf", f"ssh://git@{host}/")]
    made = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    for number, (key, value) in enumerate(settings):
        made |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return made


def get_sources(
    options: GitOptions, folder: str, url: str, refspecs: Sequence[str], sha: str, ref: str
) -> str:
    """The commands between the hooks. They leave the shell in the project's folder."""
    here = quote(folder)
    if options.strategy == "none":
        return _lines(_say("Skipping Git repository setup"), f"mkdir -p {here}", f"cd {here}")
    if options.strategy == "empty":
        return _lines(
            _say("Skipping Git repository setup and creating an empty build directory"),
            clear(folder),
            f"cd {here}",
        )
    steps = [clear(folder)] if options.strategy == "clone" else [f"mkdir -p {here}"]
    steps += [f"cd {here}", *_repository(options, url), *_fetch(options, refspecs)]
    if options.checkout:
        steps += _checkout(options, sha, ref)
        steps += _lfs(options)
        steps += _submodules(options)
    else:
        steps.append(_say("Skipping Git checkout"))
    return _lines(*steps)


def clear(folder: str) -> str:
    return f"rm -rf {quote(folder)}; mkdir -p {quote(folder)}"


def _repository(options: GitOptions, url: str) -> list[str]:
    here = server(url)
    # For what the job itself fetches or pushes: the token is asked of its environment, no file has it.
    helper = '!f() { test "$1" = get && echo "password=$CI_JOB_TOKEN"; }; f'
    kind = f" --object-format={options.object_format}" if options.object_format != "sha1" else ""
    return [
        # What a job that was killed left locked.
        "if [ -d .git ]; then find .git -name '*.lock' -type f -exec rm -f {} + 2>/dev/null || true; fi",
        "rm -rf .git/hooks .git/config .git/config.worktree",
        f"git -c init.defaultBranch=main init --quiet --template={kind} .",
        f"git remote add origin {quote(url)}",
        f"git config {quote(f'credential.{here}.username')} gitlab-ci-token",
        f"git config {quote(f'credential.{here}.helper')} {quote(helper)}",
    ]


def _fetch(options: GitOptions, refspecs: Sequence[str]) -> list[str]:
    words = ["git fetch origin --no-recurse-submodules"]
    specs = [quote(spec) for spec in refspecs]
    flags = [quote(flag) for flag in options.fetch]
    if options.depth > 0:
        return [
            _say(f"Fetching changes with git depth set to {options.depth}..."),
            " ".join([*words, f"--depth {options.depth}", *flags, *specs]),
        ]
    return [
        _say("Fetching changes..."),
        "if [ -f .git/shallow ]; then deepen=--unshallow; else deepen=; fi",
        " ".join([*words, "$deepen", *flags, *specs]),
    ]


def _checkout(options: GitOptions, sha: str, ref: str) -> list[str]:
    shown = f"{GREEN}Checking out {sha[:8]} as detached HEAD (ref is {ref})...{RESET}"
    steps = [_say(shown), f"GIT_LFS_SKIP_SMUDGE=1 git checkout --force --quiet --detach {quote(sha)}"]
    if options.clean is not None:
        steps.append(" ".join(["git clean", *map(quote, options.clean)]))
    return steps


def _lfs(options: GitOptions) -> list[str]:
    if not options.lfs:
        return []
    return [
        "if [ -n \"$(git ls-files ':(attr:filter=lfs)' 2>/dev/null | head -n 1)\" ]; then",
        "if command -v git-lfs >/dev/null; then git lfs pull",
        "else echo 'WARNING: these sources use Git LFS, which the helper does not have'; fi; fi",
    ]


def _submodules(options: GitOptions) -> list[str]:
    if options.submodules == "none":
        return []
    deep = " --recursive" if options.submodules == "recursive" else ""
    paths = "".join(f" {quote(path)}" for path in options.submodule_paths)
    paths = f" --{paths}" if paths else ""
    update = f"git submodule update --init{deep}"
    if options.submodule_depth > 0:
        update += f" --depth {options.submodule_depth}"
    update += "".join(f" {quote(flag)}" for flag in options.submodule_update)
    steps = [
        _say(f"Updating/initializing submodules{' recursively' if deep else ''}..."),
        f"git submodule init{paths}",
        f"git submodule sync{deep}{paths}",
        f"{update}{paths}",
    ]
    if options.clean is not None:
        clean = " ".join(["git clean", *map(quote, options.clean)])
        steps.append(f"git submodule --quiet foreach{deep} {quote(clean + ' >/dev/null')}")
    if options.lfs:
        pull = "if command -v git-lfs >/dev/null; then git lfs pull; fi"
        steps.append(f"git submodule --quiet foreach{deep} {quote(pull)}")
    return steps


def with_environment(environment: Mapping[str, str], commands: str) -> str:
    """The settings for these commands alone: what comes after, such as a hook, does not see them."""
    exports = "".join(f"export {key}={quote(value)}\n" for key, value in environment.items())
    # Not as the condition of anything: there, a shell overlooks errors.
    return f"(\n{exports}{commands})\n"


def _say(text: str) -> str:
    return f"printf '%s\\n' {quote(text)}"


def _lines(*steps: str) -> str:
    return "".join(f"{step}\n" for step in steps)
