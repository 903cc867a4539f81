"""The shell scripts of a job. Pure: job in, text out.

A script is sent to a shell's stdin whole: one `eval` of a quoted text, so that the shell has read everything
before the first command runs and no command can read the rest of the script as its input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shipline.runner.trace import GREEN, RESET

SHELLS = (
    "/usr/local/bin/bash", "/usr/bin/bash", "/bin/bash", "/usr/local/bin/sh", "/usr/bin/sh", "/bin/sh",
    "/busybox/sh",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """How a step's script is made. `before` and `after` are the config's own scripts around the commands;
    `environment_file`: where an earlier script may have left variables for this one."""

    xtrace: bool = False
    sections: bool = False
    exit_code_check: bool = False
    before: str = ""
    after: str = ""
    environment_file: str = ""


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
        "trap 'exit 1' TERM\n"
        "if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit\n"
        "set +o noclobber\n"
        f"eval {quote(body)} < /dev/null\n"
        "exit 0\n"
    )


# Some shells end a script that sets one of these.
_READ_ONLY = frozenset(
    ("UID", "EUID", "GID", "PPID", "SHELLOPTS", "BASHOPTS", "BASH_VERSINFO", "OPTIND", "LINENO")
)


def exported(exports: Mapping[str, str], files: Mapping[str, tuple[str, str]]) -> str:
    """Variables, and file variables (name -> path and content), whose files only their owner's group and
    other users of the job need to read."""
    lines = []
    for key, (path, content) in files.items():
        folder = path.rpartition("/")[0]
        lines.append(f"mkdir -p {quote(folder)}")
        # A script before this one may have made it unwritable, as ssh wants its keys.
        lines.append(f"rm -f {quote(path)}")
        lines.append(f"printf %s {quote(content)} > {quote(path)}")
        lines.append(f"export {key}={quote(path)}")
    lines += [f"export {key}={quote(value)}" for key, value in exports.items() if key not in _READ_ONLY]
    return "\n".join([*lines, ""])


def prelude(exports: Mapping[str, str], files: Mapping[str, tuple[str, str]], directory: str) -> str:
    """Variables, file variables, and the project's folder."""
    return f"{exported(exports, files)}cd {quote(directory)}\n"


def commands(script: Sequence[str], options: Options | None = None) -> str:
    """Each command with its echo before it."""
    options = options or Options()
    lines = []
    for number, command in enumerate(script):
        if not command.strip():
            lines.append("echo")
            continue
        first, newline, _ = command.strip("\n").partition("\n")
        name = f"section_script_step_{number}"
        if newline and options.sections:
            lines += [
                _mark("start", f"{name}[hide_duration=true,collapsed=true]", f"{GREEN}$ {first}{RESET}")
            ]
            lines.append(f"printf '%s\\n' {quote(GREEN + command.strip(chr(10)) + RESET)}")
        else:
            shown = f"$ {first}" + (" # collapsed multi-line command" if newline else "")
            lines.append(f"printf '%s\\n' {quote(GREEN + shown + RESET)}")
        lines.append(command)
        if options.exit_code_check:
            lines.append('_shipline_code=$?; if [ "$_shipline_code" -ne 0 ]; then exit "$_shipline_code"; fi')
        if newline and options.sections:
            lines.append(_mark("end", name, ""))
    return "\n".join([*lines, ""])


def _mark(kind: str, name: str, title: str) -> str:
    """A section's begin or end as GitLab's page reads it; the shell knows the time."""
    form = rf"section_{kind}:%s:%s\r\033[0K%s\n"
    return f'printf {quote(form)} "$(date +%s)" {quote(name)} {quote(title)}'


def step(
    script: Sequence[str],
    directory: str,
    exports: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[str, str]] | None = None,
    options: Options | None = None,
) -> str:
    """A whole script of a job."""
    options = options or Options()
    body = prelude(exports or {}, files or {}, directory)
    if options.environment_file:
        path = quote(options.environment_file)
        # What a script wrote there as KEY=VALUE is exported to those after it.
        body += f"if [ -f {path} ]; then set -a; . {path}; set +a; fi\n"
    if options.xtrace:
        body += "set -o xtrace\n"
    for text in (options.before, None, options.after):
        body += commands(script, options) if text is None else f"{text}\n" if text else ""
    return frame(body)
