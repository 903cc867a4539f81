"""The stage get_sources: the hooks around it, and the credentials that it gets."""

from __future__ import annotations

from shipline.runner import git
from shipline.runner import script as scripts
from shipline.runner.failure import JobFailed, Result
from shipline.runner.stages.context import Context
from shipline.runner.variables import TLS_VARIABLES

# Of the job's image, not of the helper's: with them the helper would not find its own programs.
NOT_FOR_THE_HELPER = frozenset(("PATH", "HOME", "ENV", "BASH_ENV", "LD_PRELOAD", "LD_LIBRARY_PATH"))


async def get_sources(context: Context) -> None:
    """Raises JobFailed, ProtocolError for a GIT_ variable that is wrong, EngineError."""
    options = git.git_options(context.payload, context.variables)
    with context.part("get_sources", "Getting source from Git repository"):

        async def attempt(number: int) -> int:
            return await context.executor.helper_script(
                sources_script(context, options, again=number > 1), context.trace.write
            )

        code = await context.attempted("GET_SOURCES_ATTEMPTS", "Getting the sources", attempt)
    if code:
        message = f"getting the sources failed: exit code {code}"
        raise JobFailed(Result("runner_system_failure", message=message))


def sources_script(context: Context, options: git.GitOptions, *, again: bool = False) -> str:
    """One script for the helper. `again`: what the first attempt left is taken away before."""
    info, folders, variables = context.payload.git_info, context.folders, context.variables
    url, basic = git.address(info.repo_url, context.section.clone_url)
    refspecs = info.refspecs or [f"+refs/heads/{info.ref}:refs/remotes/origin/{info.ref}"]
    settings = git.environment(
        url,
        basic,
        options,
        external=variables.get("CI_SERVER_URL") or context.section.url,
        tls_files={
            setting: variables.files[key][0]
            for setting, key in zip(git.TLS_SETTINGS, TLS_VARIABLES, strict=True)
            if key in variables.files
        },
    )
    fetching = git.get_sources(options, folders.project, url, refspecs, info.sha, info.ref)
    hooks = {hook.name: hook.script for hook in context.payload.hooks}
    temporary = scripts.quote(folders.temporary)
    # Of all folders up to the project's, too: a job may run as another user than the helper.
    parts = ["umask 0000\n"] if context.section.executor == "docker" else []
    # What is there may be an earlier job's, where its folders were kept.
    parts.append(f"rm -rf {temporary}\nmkdir -p {temporary}\n")
    parts.append(scripts.exported(_exports(context), variables.files))
    if again:
        parts.append(git.clear(folders.project) + "\n")
    traced = variables.truth("CI_DEBUG_TRACE") and not context.section.debug_trace_disabled
    # The trace must not show git's settings: the credentials are among them.
    on, off = ("set -o xtrace\n", "{ set +o xtrace; } 2>/dev/null\n") if traced else ("", "")
    parts.append(on)
    parts.append(_hook(context.section.pre_get_sources_script, hooks.get("pre_get_sources_script", [])))
    parts += [off, git.with_environment(settings, on + fetching), on]
    parts.append(f"cd {scripts.quote(folders.project)}\n")
    parts.append(_hook(context.section.post_get_sources_script, hooks.get("post_get_sources_script", [])))
    # They are made anew for each script, by the user that it runs as.
    parts += [f"rm -f {scripts.quote(path)}\n" for path, _ in variables.files.values()]
    return scripts.frame("".join(parts))


def _exports(context: Context) -> dict[str, str]:
    kept_out = NOT_FOR_THE_HELPER if context.section.executor == "docker" else frozenset[str]()
    return {key: value for key, value in context.exports().items() if key not in kept_out}


def _hook(configured: str, written: list[str]) -> str:
    return (f"{configured}\n" if configured else "") + (scripts.commands(written) if written else "")


async def clean_up(context: Context) -> None:
    """File variables do not stay where other jobs come to; what is removed as a whole needs no cleaning."""
    if not (context.variables.files and context.executor.keeps_files):
        return
    title = "Cleaning up project directory and file based variables"
    with context.part("cleanup_file_variables", title):
        text = f"rm -rf {scripts.quote(context.folders.temporary)}\n"
        await context.executor.helper_script(scripts.frame(text), context.trace.write)
