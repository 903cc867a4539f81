"""One job from hand-out to its end: the order of its stages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiodocker

from shipline.errors import ShiplineError, UsageError
from shipline.protocols.runner_api import JobPayload
from shipline.runner import git
from shipline.runner.config_file import RunnerSection
from shipline.runner.durations import in_words
from shipline.runner.executor.choice import make_executor
from shipline.runner.executor.spec import job_name
from shipline.runner.failure import JobFailed, Result, misconfigured, result_of
from shipline.runner.folders import Folders, job_folders
from shipline.runner.slots import Slot
from shipline.runner.stages import artifacts, caches, sources, steps
from shipline.runner.stages.context import Context, attempts_of
from shipline.runner.trace import GREEN, RED, Trace
from shipline.runner.variables import TLS_VARIABLES, Variables, job_variables

__all__ = ["JobRun", "Result"]
_log = logging.getLogger(__name__)


@dataclass
class JobRun:
    """`cancelled` is set when the job is to end after its after_script. `slot` None: nobody numbers the jobs
    that run at once, so that none leaves a work tree to the next. `docker` may be None for other executors.
    `placed` is told where the job's files lie, before there are any."""

    payload: JobPayload
    section: RunnerSection
    trace: Trace
    docker: aiodocker.Docker | None
    unique: str
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    slot: Slot | None = None
    placed: Callable[[Folders], object] = lambda _folders: None

    async def run(self) -> Result:
        """The whole job. Never raises for anything that can happen to a job; a cancelled task takes its
        containers down and goes on to be cancelled."""
        timeout = self.payload.runner_info.timeout
        self._introduce()
        try:
            async with asyncio.timeout(timeout) as timer:
                result = await self._stages(timer)
        except TimeoutError:
            text = f"execution took longer than {in_words(timeout)} seconds"
            result = Result("job_execution_timeout", message=text, timed_out=True)
        except JobFailed as failed:
            result = failed.result
        except ShiplineError as error:
            result = result_of(error)
        except Exception:
            # A fault of ours must not leave a job running for ever.
            _log.exception("job %s", self.payload.id)
            result = Result("runner_system_failure", message="an error in the runner; its log tells more")
        self._conclude(result)
        return result

    def _introduce(self) -> None:
        self.trace.line(f"Running with shipline-runner on {self.section.name} {self.section.short_token}")

    def _conclude(self, result: Result) -> None:
        if not result.failure_reason:
            self.trace.line("Job succeeded", GREEN)
        elif result.failure_reason in ("script_failure", "job_execution_timeout", "job_canceled"):
            self.trace.line(f"ERROR: Job failed: {result.message}", RED)
        else:
            self.trace.line(f"ERROR: Job failed (system failure): {result.message}", RED)
        self.trace.close()

    async def _stages(self, timer: asyncio.Timeout) -> Result:
        if self.payload.run:
            raise misconfigured(
                "the job has `run:` (CI/CD steps), which this runner does not know; use `script:`"
            )
        folders, variables = await asyncio.to_thread(self._facts)
        # As the job sees them, references replaced; among them the key of the runner's own certificate.
        self.trace.masker.learn(variables.secrets)
        strategy = git.git_options(self.payload, variables).strategy
        executor = make_executor(
            self.payload, self.section, self.trace, self.docker, self.unique, self.slot, folders, variables,
            strategy, attempts_of(variables, "EXECUTOR_JOB_SECTION_ATTEMPTS"),
        )  # fmt: skip
        context = Context(self.payload, self.section, self.trace, variables, executor)
        self.placed(folders)
        async with executor.ground():
            if not await self._unless_cancelled(asyncio.create_task(self._before(context))):
                return Result("job_canceled", message="canceled")
            result = await steps.run_steps(context, self.cancelled)
            result = await steps.run_after_script(context, result)
            await executor.after_scripts()
            await caches.save(context, result)
            result = await artifacts.upload(context, result)
            await sources.clean_up(context)
            if not timer.expired():
                # What is taken away now takes nothing of its time.
                timer.reschedule(None)
            return result

    async def _before(self, context: Context) -> None:
        """All that comes before the job's own scripts."""
        title = f'Preparing the "{context.executor.name}" executor'
        with context.part("prepare_executor", title):
            await context.executor.prepare()
        await sources.get_sources(context)
        await caches.restore(context)
        await artifacts.download(context)

    async def _unless_cancelled(self, work: asyncio.Task[None]) -> bool:
        """False when the job was cancelled before the work was done: it is not waited for any longer."""
        cancelling = asyncio.create_task(self.cancelled.wait())
        try:
            await asyncio.wait([work, cancelling], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                return not self.cancelled.is_set()
            return False
        finally:
            for task in (work, cancelling):
                task.cancel()
            await asyncio.gather(work, cancelling, return_exceptions=True)

    def _facts(self) -> tuple[Folders, Variables]:
        """Where the files lie and what the variables are; GIT_CLONE_PATH may refer to the first and changes the
        second."""
        folders = job_folders(self.payload, self.section, self.slot or Slot(), str(Path.home()))
        section = self.section
        files = (section.tls_ca_file, section.tls_cert_file, section.tls_key_file)
        tls = {key: _text_of(path) for key, path in zip(TLS_VARIABLES, files, strict=True)}
        network = job_name(self.payload, self.section, self.unique)

        def variables(folders: Folders) -> Variables:
            return job_variables(
                self.payload,
                self.section,
                self.payload.runner_info.timeout,
                folders,
                self.slot,
                network="" if self.section.docker.network_mode else network,
                tls=tls,
            )

        found = variables(folders)
        if path := found.get("GIT_CLONE_PATH"):
            folders = folders.cloned_to(path)
            found = variables(folders)
        return folders, found


def _text_of(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The TLS file {path} cannot be read.") from error
