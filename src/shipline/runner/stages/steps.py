"""The job's own scripts: its steps, one after the other, then after_script."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shipline.protocols.runner_api import JobStep
from shipline.runner import script as scripts
from shipline.runner.durations import in_words, seconds_of
from shipline.runner.failure import Result
from shipline.runner.stages.context import Context
from shipline.runner.trace import GREEN

AFTER_SCRIPT = "after_script"
AFTER_SCRIPT_SECONDS = 300.0
# How long a script that was asked to end is still listened to.
LAST_WORDS_SECONDS = 15.0
STOPS = 2


async def run_steps(context: Context, cancelled: asyncio.Event) -> Result:
    """All steps but after_script, until one fails. RUNNER_SCRIPT_TIMEOUT is for all of them together."""
    limit = script_seconds(context.variables.get("RUNNER_SCRIPT_TIMEOUT"), None)
    ends = asyncio.get_running_loop().time() + limit if limit is not None else None
    for step in context.payload.steps:
        if step.name == AFTER_SCRIPT:
            continue
        # GitLab's own name of the first step's section does not depend on what the step is called.
        section = f"step_{step.name}"
        with context.part(section, f'Executing "{section}" stage of the job script'):
            result = await _run_step(context, step, cancelled, ends)
        if result.failure_reason:
            return result
    return Result()


async def _run_step(context: Context, step: JobStep, cancelled: asyncio.Event, ends: float | None) -> Result:
    if cancelled.is_set():
        return Result("job_canceled", message="canceled")
    text = step_script(context, step.script)
    running = asyncio.create_task(context.executor.script(text, context.trace.write))
    cancelling = asyncio.create_task(cancelled.wait())
    try:
        wait = None if ends is None else max(0.0, ends - asyncio.get_running_loop().time())
        await asyncio.wait([running, cancelling], timeout=wait, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            code = running.result()
            return Result("script_failure", code, f"exit code {code}") if code else Result()
        await _stopped(context, running)
        if cancelling.done():
            return Result("job_canceled", message="canceled")
        return Result(
            "job_execution_timeout",
            message="the script took longer than RUNNER_SCRIPT_TIMEOUT",
            timed_out=True,
        )
    finally:
        for task in (running, cancelling):
            task.cancel()
        await asyncio.gather(running, cancelling, return_exceptions=True)


async def run_after_script(context: Context, result: Result) -> Result:
    """Its own failure changes nothing, unless AFTER_SCRIPT_IGNORE_ERRORS is false; its result then counts for
    a job that was good so far."""
    step = next((step for step in context.payload.steps if step.name == AFTER_SCRIPT), None)
    if step is None or not step.script:
        return result
    limit = script_seconds(context.variables.get("RUNNER_AFTER_SCRIPT_TIMEOUT"), AFTER_SCRIPT_SECONDS)
    with context.part(AFTER_SCRIPT, "Running after_script"):
        context.trace.line("Running after script...", GREEN)
        text = step_script(context, step.script, {"CI_JOB_STATUS": result.job_status})
        code = await _within(context, text, limit)
    if code is None:
        failed = Result("script_failure", message="after_script took too long")
        told = f"after_script took longer than {in_words(limit or 0)}"
    elif code:
        failed = Result("script_failure", code, f"exit code {code}")
        told = f"after_script failed with exit code {code}"
    else:
        return result
    if context.variables.truth("AFTER_SCRIPT_IGNORE_ERRORS", True):
        context.warn(f"{told}, but job will continue unaffected")
        return result
    context.warn(told)
    return result if result.failure_reason else failed


async def _within(context: Context, text: str, limit: float | None) -> int | None:
    running = asyncio.create_task(context.executor.script(text, context.trace.write))
    try:
        await asyncio.wait([running], timeout=limit)
        if running.done():
            return running.result()
        await _stopped(context, running)
        return None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _stopped(context: Context, running: asyncio.Task[int]) -> None:
    """Twice, if need be: what had not begun when it was stopped has begun since."""
    for _ in range(STOPS):
        await context.executor.stop()
        await asyncio.wait([running], timeout=LAST_WORDS_SECONDS)
        if running.done():
            return


def script_seconds(text: str, default: float | None) -> float | None:
    """Of a variable that holds a length of time. None: no limit but the job's, which 0 and less mean too."""
    seconds = seconds_of(text) if text else default
    if seconds is None:
        return default
    return seconds if seconds > 0 else None


def step_script(context: Context, commands: Sequence[str], more: dict[str, str] | None = None) -> str:
    variables, section = context.variables, context.section
    options = scripts.Options(
        xtrace=variables.truth("CI_DEBUG_TRACE") and not section.debug_trace_disabled,
        sections=variables.truth("FF_SCRIPT_SECTIONS"),
        exit_code_check=variables.truth("FF_ENABLE_BASH_EXIT_CODE_CHECK"),
        before=section.pre_build_script,
        after=section.post_build_script,
        environment_file=f"{context.folders.temporary}/gitlab_runner_env",
    )
    exports = (context.exports() if section.executor == "shell" else {}) | (more or {})
    return scripts.step(commands, context.folders.project, exports, variables.files, options)
