"""The shell scripts that containers run. Pure: job in, text out.

A script is sent to a shell's stdin whole: one `eval` of a quoted text, so that the shell has read everything
before the first command runs and no command can read the rest of the script as its input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from shipline.runner.trace import GREEN, RESET

SHELLS = (
    "/usr/local/bin/bash", "/usr/bin/bash", "/bin/bash", "/usr/local/bin/sh", "/usr/bin/sh", "/bin/sh",
    "/busybox/sh",
)  # fmt: skip


def detect_shell() -> list[str]:
    """A command for any image: becomes the best shell that it has, reading its script from stdin."""
    tests = "\n".join(f"if [ -x {shell} ]; then exec {shell}; fi" for shell in SHELLS)
    return ["sh", "-c", f"{tests}\necho shell not found >&2; exit 1\n"]


def quote(text: str) -> str:
    """One word for any POSIX shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def frame(body: str) -> str:
    """`body` as a script for stdin: stops at the first error, in pipes too where the shell can."""
    return (
        "if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit\n"
        "set +o noclobber\n"
        f"eval {quote(body)} < /dev/null\n"
        "exit 0\n"
    )


def prelude(exports: Mapping[str, str], files: Mapping[str, tuple[str, str]], directory: str) -> str:
    """Variables, file variables (name -> path and content), and the project's folder."""
    lines = []
    for key, (path, content) in files.items():
        folder = path.rpartition("/")[0]
        lines.append(f"mkdir -p {quote(folder)}")
        lines.append(f"printf %s {quote(content)} > {quote(path)}")
        lines.append(f"export {key}={quote(path)}")
    lines += [f"export {key}={quote(value)}" for key, value in exports.items()]
    lines.append(f"cd {quote(directory)}")
    return "\n".join(lines) + "\n"


def commands(script: Sequence[str]) -> str:
    """Each command with its echo before it."""
    lines = []
    for command in script:
        if not command.strip():
            lines.append("echo")
            continue
        first, newline, _ = command.strip("\n").partition("\n")
        shown = f"$ {first}" + (" # collapsed multi-line command" if newline else "")
        lines.append(f"printf '%s\\n' {quote(GREEN + shown + RESET)}")
        lines.append(command)
    return "\n".join(lines) + "\n"


def step(
    script: Sequence[str],
    directory: str,
    exports: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[str, str]] | None = None,
) -> str:
    """A whole script of a job."""
    return frame(prelude(exports or {}, files or {}, directory) + commands(script))


def get_sources(directory: str, url: str, refspecs: Iterable[str], sha: str, depth: int, ref: str) -> str:
    """Fetch exactly the commit. The credentials come by git's environment, so that no file keeps them."""
    shallow = f" --depth {depth}" if depth > 0 else ""
    note = f"Fetching changes with git depth set to {depth}..." if depth > 0 else "Fetching changes..."
    specs = " ".join(quote(spec) for spec in refspecs)
    here = quote(directory)
    return "\n".join(
        [
            "umask 0000",
            f"echo {quote(note)}",
            f"mkdir -p {here}",
            f"git init --quiet {here}",
            f"cd {here}",
            f"git remote add origin {quote(url)} 2>/dev/null || git remote set-url origin {quote(url)}",
            f"git fetch --quiet --no-recurse-submodules{shallow} --prune origin {specs}",
            f"git checkout --force --quiet {quote(sha)}",
            f"printf '%s\\n' {quote(f'{GREEN}Checked out {sha[:8]} as detached HEAD (ref is {ref})...{RESET}')}",
            "",
        ]
    )


def git_environment(url: str, basic: str) -> dict[str, str]:
    """Credentials for one server, in no argument and no file."""
    return {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"http.{url}.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
