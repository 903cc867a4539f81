"""One job from hand-out to its end: the order of its stages."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import tarfile
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from urllib.parse import urlsplit, urlunsplit

import aiodocker
from aiodocker.containers import DockerContainer

from shipline.engine.client import translated
from shipline.engine.images import Credentials, PulledImage
from shipline.errors import (
    EngineError,
    ImageAccessDenied,
    ImageNotFound,
    ImagePullFailed,
    ProtocolError,
)
from shipline.protocols.runner_api import JobArtifact, JobPayload
from shipline.runner import script as scripts
from shipline.runner.config_file import RunnerSection
from shipline.runner.executor.docker import Executor
from shipline.runner.executor.spec import ServiceSpec, job_spec, wait_ports
from shipline.runner.trace import GREEN, RED, YELLOW, Trace
from shipline.runner.variables import Variables, job_variables, project_directory

_log = logging.getLogger(__name__)
AFTER_SCRIPT_SECONDS = 300.0
SERVICE_LOG_LINES = 20
HELPER_PROGRAM = "shipline_helper.py"
HELPER_PATH = "/usr/local/lib"


@dataclass(frozen=True, slots=True)
class Result:
    """`failure_reason` empty is success."""

    failure_reason: str = ""
    exit_code: int | None = None
    message: str = ""


class JobFailed(Exception):
    """Ends the job; its stages need not go on."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.message)
        self.result = result


@dataclass
class JobRun:
    """`cancelled` is set when the job is to end after its after_script."""

    payload: JobPayload
    section: RunnerSection
    trace: Trace
    docker: aiodocker.Docker
    unique: str
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> Result:
        """The whole job. Never raises for anything that can happen to a job; a cancelled task takes its
        containers down and goes on to be cancelled."""
        timeout = self.payload.runner_info.timeout
        self._introduce()
        try:
            async with asyncio.timeout(timeout):
                result = await self._stages()
        except TimeoutError:
            text = f"execution took longer than {_in_words(timeout)}"
            result = Result("job_execution_timeout", message=text)
        except JobFailed as failed:
            result = failed.result
        except (ImageNotFound, ImageAccessDenied) as error:
            result = Result("runner_configuration_error", message=str(error))
        except ImagePullFailed as error:
            result = Result("image_pull_failure", message=str(error))
        except (EngineError, ProtocolError) as error:
            result = Result("runner_system_failure", message=str(error))
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

    async def _stages(self) -> Result:
        variables = job_variables(self.payload, self.section, self.payload.runner_info.timeout)
        spec = job_spec(self.payload, self.section, variables, self.unique)
        credentials = {
            one.url: Credentials(one.url, one.username, one.password)
            for one in self.payload.credentials
            if one.type == "registry"
        }
        executor = Executor(
            self.docker, spec, credentials, self.section.docker.registry_aliases, self.trace.line
        )
        async with executor.ground():
            stages = _Stages(self, executor, variables)
            return await stages.run()

    @contextmanager
    def part(self, name: str, title: str) -> Iterator[None]:
        """A section of the log."""
        self.trace.start_section(name, title)
        try:
            yield
        finally:
            self.trace.end_section(name)


@dataclass
class _Stages:
    job: JobRun
    executor: Executor
    variables: Variables
    # Those whose end has not been told yet.
    services: list[tuple[ServiceSpec, DockerContainer]] = field(default_factory=list)

    @property
    def payload(self) -> JobPayload:
        return self.job.payload

    async def run(self) -> Result:
        with self.job.part("prepare_executor", 'Preparing the "docker" executor'):
            helper, image = await self._prepare()
        with self.job.part("get_sources", "Getting source from Git repository"):
            await self._get_sources(helper)
        if any(one.artifacts_file for one in self.payload.dependencies):
            with self.job.part("download_artifacts", "Downloading artifacts"):
                await self._download(helper)
        build = await self.executor.create(self.executor.spec.build, image)
        result = await self._script(build)
        await self._after_script(build, result)
        await self._tell_of_dead_services()
        uploaded = await self._upload(helper, result)
        return result if result.failure_reason or uploaded else Result("script_failure", 1, "exit code 1")

    async def _prepare(self) -> tuple[DockerContainer, PulledImage]:
        """The helper, the services and the build image, at the same time."""
        executor, trace = self.executor, self.job.trace
        trace.line(f"Using Docker executor with image {executor.spec.build.image} ...")
        helper, image, *services = await _together(
            self._helper(),
            executor.image(executor.spec.build),
            *(self._service(service) for service in executor.spec.services),
        )
        if services:
            self.services = [(service, container) for service, container, _ in services]
            await self._wait_for_services(helper, services)
        return helper, image

    async def _helper(self) -> DockerContainer:
        executor = self.executor
        container = await executor.create(executor.spec.helper, await executor.image(executor.spec.helper))
        async with translated("starting the helper"):
            await container.put_archive(HELPER_PATH, _program())
            await container.start()
        return container

    async def _service(self, service: ServiceSpec) -> tuple[ServiceSpec, DockerContainer, list[int]]:
        self.job.trace.line(f"Starting service {service.container.image} ...")
        image = await self.executor.image(service.container)
        container = await self.executor.start(service.container, image)
        return service, container, wait_ports(image.config, service.port)

    async def _wait_for_services(
        self, helper: DockerContainer, services: list[tuple[ServiceSpec, DockerContainer, list[int]]]
    ) -> None:
        """Until each answers on a port. One that does not, or has ended, is told with its last lines; the job
        goes on, as in GitLab."""
        seconds = self.job.section.docker.wait_for_services_timeout
        waited = [(service, container, ports) for service, container, ports in services if ports]
        if seconds > 0 and waited:
            self.job.trace.line("Waiting for services to be up and running ...")
            ended = [asyncio.create_task(_ended(container)) for _, container, _ in waited]
            words = [
                ",".join(f"{service.aliases[0]}:{port}" for port in ports) for service, _, ports in waited
            ]
            waiting = asyncio.create_task(
                self.executor.run_in_helper(helper, _helper("wait", str(seconds), *words), lambda _: None, {})
            )
            try:
                await asyncio.wait([waiting, *ended], return_when=asyncio.FIRST_COMPLETED)
                if waiting.done() and waiting.result() == 0:
                    return
            finally:
                for task in [waiting, *ended]:
                    task.cancel()
                await asyncio.gather(waiting, *ended, return_exceptions=True)
        for service, container, ports in services:
            await self._complain(service, container, bool(ports))

    async def _complain(self, service: ServiceSpec, container: DockerContainer, waited: bool) -> None:
        state = await self.executor.state(container)
        if state["Running"] and not waited:
            return
        how = "did not answer in time" if state["Running"] else f"ended with exit code {state['ExitCode']}"
        await self._warn(service, container, f"probably didn't start properly: it {how}")

    async def _tell_of_dead_services(self) -> None:
        """One that died while the job ran may be why the job failed."""
        for service, container in list(self.services):
            state = await self.executor.state(container)
            if not state["Running"] and state["ExitCode"]:
                how = f"ended with exit code {state['ExitCode']} while the job ran"
                await self._warn(service, container, how)

    async def _warn(self, service: ServiceSpec, container: DockerContainer, how: str) -> None:
        self.services = [one for one in self.services if one[1] is not container]
        trace = self.job.trace
        trace.line(f"*** WARNING: Service {service.container.image} {how}.", YELLOW)
        for line in await self.executor.last_lines(container, SERVICE_LOG_LINES):
            trace.line(f"  {line}")
        trace.line("*********")

    async def _get_sources(self, helper: DockerContainer) -> None:
        git = self.payload.git_info
        strategy = self.variables.values.get("GIT_STRATEGY", "fetch")
        if strategy in ("none", "empty"):
            self.job.trace.line(f"Skipping Git repository setup (GIT_STRATEGY is {strategy})")
            await self._in_helper(
                helper, f"umask 0000; mkdir -p {scripts.quote(project_directory(self.payload))}"
            )
            return
        url, basic = clone_address(git.repo_url, self.job.section.clone_url)
        depth = self.variables.values.get("GIT_DEPTH", "")
        text = scripts.get_sources(
            project_directory(self.payload),
            url,
            git.refspecs or [f"+refs/heads/{git.ref}:refs/remotes/origin/{git.ref}"],
            git.sha,
            int(depth) if depth.isdigit() else git.depth,
            git.ref,
        )
        code = await self._in_helper(helper, "set -e\n" + text, scripts.git_environment(url, basic))
        if code:
            raise JobFailed(
                Result("runner_system_failure", message=f"getting the sources failed: exit code {code}")
            )

    async def _in_helper(
        self, helper: DockerContainer, text: str, environment: Mapping[str, str] | None = None
    ) -> int:
        return await self.executor.run_in_helper(
            helper, ["sh", "-c", text], self.job.trace.write, environment or {}
        )

    async def _download(self, helper: DockerContainer) -> None:
        base = self._api()
        for one in self.payload.dependencies:
            if one.artifacts_file is None:
                continue
            asked = {
                "root": project_directory(self.payload),
                "dependencies": [{"url": f"{base}/jobs/{one.id}/artifacts", "id": one.id, "name": one.name}],
            }
            code = await self.executor.run_in_helper(
                helper,
                _helper("download", json.dumps(asked)),
                self.job.trace.write,
                {"SHIPLINE_JOB_TOKEN": one.token},
            )
            if code:
                raise JobFailed(
                    Result("runner_system_failure", message=f"artifacts of {one.name} could not be had")
                )

    def _api(self) -> str:
        return (self.job.section.clone_url or self.job.section.url).rstrip("/") + "/api/v4"

    async def _script(self, build: DockerContainer) -> Result:
        """All steps but after_script, until one fails."""
        with self.job.part("step_script", 'Executing "step_script" stage of the job script'):
            for step in self.payload.steps:
                if step.name == "after_script":
                    continue
                text = scripts.step(step.script, project_directory(self.payload), files=self.variables.files)
                running = asyncio.create_task(self.executor.run_script(build, text, self.job.trace.write))
                code = await self._unless_cancelled(build, running)
                if code is None:
                    return Result("job_canceled", message="canceled")
                if code:
                    return Result("script_failure", code, f"exit code {code}")
        return Result()

    async def _unless_cancelled(self, build: DockerContainer, running: asyncio.Task[int]) -> int | None:
        cancelled = asyncio.create_task(self.job.cancelled.wait())
        try:
            await asyncio.wait([running, cancelled], return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            await self.executor.stop(build)
            await asyncio.wait([running], timeout=10)
            return None
        finally:
            for task in (running, cancelled):
                task.cancel()
            await asyncio.gather(running, cancelled, return_exceptions=True)

    async def _after_script(self, build: DockerContainer, result: Result) -> None:
        step = next((step for step in self.payload.steps if step.name == "after_script"), None)
        if step is None or not step.script:
            return
        status = {"": "success", "job_canceled": "canceled"}.get(result.failure_reason, "failed")
        with self.job.part("after_script", "Running after_script"):
            self.job.trace.line("Running after script...", GREEN)
            text = scripts.step(
                step.script, project_directory(self.payload), {"CI_JOB_STATUS": status}, self.variables.files
            )
            try:
                async with asyncio.timeout(AFTER_SCRIPT_SECONDS):
                    code = await self.executor.run_script(build, text, self.job.trace.write)
                if code:
                    self.job.trace.line(
                        f"WARNING: after_script failed with exit code {code}, but job will continue unaffected",
                        YELLOW,
                    )
            except TimeoutError:
                self.job.trace.line(
                    f"WARNING: after_script took longer than {AFTER_SCRIPT_SECONDS:.0f} s", YELLOW
                )

    async def _upload(self, helper: DockerContainer, result: Result) -> bool:
        wanted = [one for one in self.payload.artifacts if _wanted(one, not result.failure_reason)]
        if not wanted:
            return True
        good = "successful" if not result.failure_reason else "failed"
        with self.job.part(
            f"upload_artifacts_on_{'success' if good == 'successful' else 'failure'}",
            f"Uploading artifacts for {good} job",
        ):
            codes = [await self._upload_one(helper, one) for one in wanted]
        return not any(codes)

    async def _upload_one(self, helper: DockerContainer, artifact: JobArtifact) -> int:
        expand = self.variables.expand
        asked = {
            "url": f"{self._api()}/jobs/{self.payload.id}/artifacts",
            "root": project_directory(self.payload),
            "name": expand(artifact.name),
            "type": artifact.artifact_type,
            "format": artifact.artifact_format,
            "paths": [expand(path) for path in artifact.paths],
            "exclude": [expand(path) for path in artifact.exclude],
            "untracked": artifact.untracked,
            "expire_in": artifact.expire_in,
        }
        return await self.executor.run_in_helper(
            helper,
            _helper("upload", json.dumps(asked)),
            self.job.trace.write,
            {"SHIPLINE_JOB_TOKEN": self.payload.token},
        )


def _wanted(artifact: JobArtifact, succeeded: bool) -> bool:
    return artifact.when == "always" or (artifact.when == "on_success") == succeeded


async def _ended(container: DockerContainer) -> None:
    await container.wait()


async def _together(*work: Awaitable[object]) -> list:  # type: ignore[type-arg]
    """All at once; the first failure stops the others, so that nothing goes on behind our back."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _helper(*words: str) -> list[str]:
    return ["python3", f"{HELPER_PATH}/{HELPER_PROGRAM}", *words]


def _program() -> bytes:
    """The helper's program as a tar archive."""
    content = (resources.files("shipline.runner") / "helper_program" / HELPER_PROGRAM).read_bytes()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo(HELPER_PROGRAM)
        info.size, info.mode = len(content), 0o644
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def clone_address(repo_url: str, clone_url: str) -> tuple[str, str]:
    """The address to clone from without its credentials, and those for a Basic header. `clone_url` replaces
    the server's part."""
    parts = urlsplit(repo_url)
    user, password = parts.username or "", parts.password or ""
    host = parts.netloc.rpartition("@")[2]
    scheme = parts.scheme
    path = parts.path
    if clone_url:
        other = urlsplit(clone_url.rstrip("/"))
        scheme, host, path = other.scheme, other.netloc, other.path + path
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    return urlunsplit((scheme, host, path, "", "")), basic


def _in_words(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}h{rest // 60}m{rest % 60}s"
