"""Coordinator and runners, killed at random while jobs run: the programs themselves, the engine and git.

The schedule comes from a seed. Each kill is due when so many jobs are over, so that all of them fall into the run
whatever the machine's speed; after each one passes a random while, which may be shorter than a program's start.
"""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.coordinator.server import Coordinator, Project, running
from tests.runner.process import Manager
from tests.scenarios.kill_findings import FINISHED, Attempt, Findings, Seen
from tests.scenarios.roll_call import RollCall, roll_call

from shipline.config import Config, Runners
from shipline.engine.client import connect
from shipline.engine.labels import OWNER
from shipline.engine.reap import reap
from shipline.supervisor.system import bridge_gateway

IMAGE = "debian:bookworm"
LAST_WORD = "the script came to its end"
# A runner that tells nothing is waited for a little longer than it may be silent when nobody looks (30 s).
SETTINGS = Config(runners=Runners(silence_seconds=45, acknowledge_seconds=5))
LOOK_SECONDS, PUSH_TRIES = 0.2, 100
Say = Callable[[str], None]
Json = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """`pipelines` x `stages` x `width` jobs, `runners` managers of `concurrent` jobs each. `pause`: the longest
    while between two kills, in seconds; `limit`: for the whole, in seconds."""

    seed: int
    kills: int
    pipelines: int
    stages: int
    width: int
    runners: int = 2
    concurrent: int = 2
    pause: float = 2.5
    limit: float = 600.0

    @property
    def jobs(self) -> int:
        return self.pipelines * self.stages * self.width

    def due(self, chance: random.Random) -> list[int]:
        """Of each kill, how many jobs are over when it comes."""
        return sorted(chance.randrange(self.jobs * 9 // 10) for _ in range(self.kills))

    def configuration(self, place: str) -> str:
        """Each script says at `place` (host/port) that it begins and ends, and is answered."""
        names = [f"stage-{number}" for number in range(self.stages)]
        head = [
            f"stages: [{', '.join(names)}]",
            f"default: {{image: '{IMAGE}', retry: 2}}",
            "variables: {GIT_STRATEGY: none}",
            ".say: &say",
            f'  - say() {{ exec 3<>/dev/tcp/{place} && echo "$1 $CI_JOB_ID" >&3 && read -r _ <&3; }}',
        ]
        for stage in names:
            for number in range(self.width):
                # One that is lost three times keeps no other from its run.
                head += [
                    f"{stage}-{number}:",
                    f"  stage: {stage}",
                    "  when: always",
                    "  script:",
                    "    - *say",
                ]
                head += ["    - say begun", "    - sleep $((RANDOM % 3)).$((RANDOM % 10))", "    - say ended"]
                head += [f"    - echo {LAST_WORD}"]
        return "\n".join(head) + "\n"


@dataclass
class Run:
    """One run: what is there, and what was seen of it so far."""

    plan: Plan
    coordinator: Coordinator
    managers: list[Manager]
    project: Project
    docker_host: str
    roll: RollCall
    say: Say
    seen: Seen = field(default_factory=Seen)
    kills: Counter[str] = field(default_factory=Counter)
    shas: dict[str, int] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    def whole(self, folder: Path) -> Findings:
        begun = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            pushing = pool.submit(self._push, folder)
            looking = pool.submit(self._look_on)
            try:
                self._kill_at_random(begun + self.plan.limit, (pushing, looking))
                self._until(lambda: pushing.done() and self._is_over(), begun, (pushing, looking))
            finally:
                self.stopped.set()
        self.say(f"{self.seen.finished} jobs are over after {time.monotonic() - begun:.0f} s")
        self._until(lambda: not (self._left() or self._journal()), time.monotonic() - self.plan.limit + 60)
        return self._findings(time.monotonic() - begun)

    def _until(self, done: Callable[[], bool], begun: float, threads: tuple[Future[None], ...] = ()) -> None:
        """Or until it has taken too long, which the findings show."""
        while not done() and time.monotonic() < begun + self.plan.limit:
            _raise_from(threads)
            time.sleep(LOOK_SECONDS)

    def _kill_at_random(self, deadline: float, threads: tuple[Future[None], ...]) -> None:
        chance = random.Random(self.plan.seed)
        for due in self.plan.due(chance):
            while self.seen.finished < due and time.monotonic() < deadline:
                _raise_from(threads)
                time.sleep(0.02)
            time.sleep(chance.uniform(0, self.plan.pause))
            victim = chance.choice([self.coordinator, chance.choice(self.managers)])
            name = "coordinator" if isinstance(victim, Coordinator) else "runner"
            assert victim.process is not None
            if victim.process.poll() is not None:
                raise AssertionError(f"The {name} ended by itself:\n{victim.log[-3000:]}")
            victim.process.kill()
            victim.process.wait()
            victim.launch()
            self.kills[name] += 1
            if self.kills.total() % 10 == 0:
                self.say(f"{self.kills.total()} kills, {self.seen.finished} jobs over")

    def _push(self, folder: Path) -> None:
        """One branch for each pipeline, as somebody would who pushes again when that has failed."""
        tree = self.project.work_tree(folder)
        text = self.plan.configuration(self.roll.place)
        for number in range(self.plan.pipelines):
            sha = tree.commit({".gitlab-ci.yml": text + f"# {number}\n"}, f"Pipeline {number}")
            for _ in range(PUSH_TRIES):
                pushed = tree.push(f"HEAD:refs/heads/branch-{number}")
                if pushed.ok or self.stopped.wait(0.5):
                    break
            assert pushed.ok, pushed.said
            self.shas[sha] = 0

    def _look_on(self) -> None:
        """As a user who never looks away; the coordinator may be gone at any moment."""
        with self._client() as client:
            while not self.stopped.wait(LOOK_SECONDS):
                try:
                    self._look(client)
                except httpx.TransportError:
                    continue

    def _client(self) -> httpx.Client:
        client = self.coordinator.client(**{"PRIVATE-TOKEN": self.project.root.token})
        client.base_url = f"{self.coordinator.url}/api/v4/projects/{self.project.id}/"
        return client

    def _look(self, client: httpx.Client) -> list[Json]:
        found = []
        for pipeline in _all(client, "pipelines"):
            jobs = _all(client, f"pipelines/{pipeline['id']}/jobs?include_retried=true")
            for job in jobs:
                self.seen.look(pipeline["id"], job["id"], job["name"], job["status"])
            found += jobs
        return found

    def _is_over(self) -> bool:
        if self.seen.finished < self.plan.jobs:
            return False
        with self._client() as client:
            try:
                found = _all(client, "pipelines")
            except httpx.TransportError:
                return False
        return all(one["status"] in FINISHED for one in found) and len(found) >= self.plan.pipelines

    def _left(self) -> list[str]:
        owners = [_owner(manager) for manager in self.managers]
        return asyncio.run(left_on_the_engine(self.docker_host, owners))

    def _journal(self) -> list[str]:
        return [path.name for one in self.managers for path in (one.config.parent / "jobs").glob("*")]

    def _findings(self, seconds: float) -> Findings:
        with self._client() as client:
            jobs = self._look(client)
            # As they are in the end: the looker saw each as it was at its look.
            pipelines = _all(client, "pipelines")
            attempts = [self._attempt(client, job, jobs) for job in jobs]
        shas = Counter(one["sha"] for one in pipelines)
        logs = [self.coordinator.log, *(one.log for one in self.managers)]
        return Findings(
            self.plan.seed,
            self.plan.jobs,
            dict(self.kills),
            seconds,
            attempts,
            {one["id"]: one["status"] for one in pipelines},
            dict.fromkeys(self.shas, 0) | shas,
            Counter(self.roll.said["begun"]),
            Counter(self.roll.said["ended"]),
            self.seen.wrong,
            self._left(),
            self._journal(),
            [text for log in logs for text in _raised(log)],
        )

    def _attempt(self, client: httpx.Client, job: Json, jobs: list[Json]) -> Attempt:
        pipeline = job["pipeline"]["id"]
        newest = max(
            one["id"] for one in jobs if one["name"] == job["name"] and one["pipeline"]["id"] == pipeline
        )
        log = client.get(f"jobs/{job['id']}/trace").text
        whole = log.count(f"\n{LAST_WORD}") == 1 and log.count("Job succeeded") == 1
        return Attempt(
            job["id"],
            pipeline,
            job["name"],
            job["status"],
            job.get("failure_reason") or None,
            job["id"] != newest,
            whole,
        )


def kills(plan: Plan, folder: Path, docker_host: str, say: Say) -> Findings:
    """Start everything, let it happen, look, and end everything."""
    address = asyncio.run(_gateway(docker_host))
    with ExitStack() as stack:
        roll = stack.enter_context(roll_call(address))
        coordinator = stack.enter_context(running(folder / "data", SETTINGS, bridge=address))
        project = coordinator.project()
        managers = [
            stack.enter_context(_managing(folder / f"runner-{number}", project, plan, docker_host))
            for number in range(plan.runners)
        ]
        return Run(plan, coordinator, managers, project, docker_host, roll, say).whole(folder / "work-tree")


@contextmanager
def _managing(folder: Path, project: Project, plan: Plan, docker_host: str) -> Iterator[Manager]:
    """A runner with what is its own; nothing of it stays."""
    folder.mkdir()
    manager = Manager(folder / "config.toml")
    coordinator = project.coordinator
    lines = [
        f"concurrent = {plan.concurrent}",
        "check_interval = 1",
        "[[runners]]",
        f'name = "{folder.name}"',
        f'url = "{coordinator.url}"',
        f'clone_url = "{coordinator.container_url}"',
        f'token = "{project.runner(description=folder.name).token}"',
        f'owner = "{_owner(manager)}"',
        "[runners.docker]",
        f'host = "{docker_host}"',
        'pull_policy = ["if-not-present"]',
    ]
    manager.config.write_text("\n".join(lines) + "\n")
    try:
        manager.start()
        yield manager
        assert manager.end(signal.SIGTERM) == 0, manager.log[-3000:]
    finally:
        if manager.process is not None and manager.process.poll() is None:
            manager.process.kill()
            manager.process.wait()
        _remove(docker_host, _owner(manager))


def _owner(manager: Manager) -> str:
    """No two runs have the same."""
    path = manager.config.parent / "owner"
    if not path.exists():
        path.write_text(f"kills-{random.SystemRandom().getrandbits(48):012x}")
    return path.read_text()


async def _gateway(docker_host: str) -> str:
    async with connect(docker_host) as docker:
        return await bridge_gateway(docker)


async def left_on_the_engine(docker_host: str, owners: list[str]) -> list[str]:
    """Containers, networks and volumes with one of these owners."""
    found = []
    async with connect(docker_host) as docker:
        for owner in owners:
            filters = {"label": [f"{OWNER}={owner}"]}
            containers = await docker.containers.list(all=True, filters=filters)
            found += [f"container {one['Names'][0]} ({one['State']})" for one in containers]
            found += [f"network {one['Name']}" for one in await docker.networks.list(filters=filters)]
            volumes = (await docker.volumes.list(filters=filters)).get("Volumes") or []
            found += [f"volume {one['Name']}" for one in volumes]
    return found


def _remove(docker_host: str, owner: str) -> None:
    """Whatever went wrong, this run's things do not stay."""

    async def removed() -> None:
        async with connect(docker_host) as docker:
            await reap(docker, owner)

    asyncio.run(removed())


def _all(client: httpx.Client, path: str) -> list[Json]:
    """Every page of a list."""
    found, page = list[Json](), 1
    while True:
        joint = "&" if "?" in path else "?"
        answer = client.get(f"{path}{joint}per_page=100&page={page}")
        assert answer.status_code == 200, answer.text
        found += answer.json()
        if len(answer.json()) < 100:
            return found
        page += 1


def _raised(log: str) -> list[str]:
    """The last line of each traceback."""
    parts = log.split("Traceback (most recent call last):\n")[1:]
    return [next((line for line in part.splitlines() if line[:1].strip()), "?") for part in parts]


def _raise_from(threads: tuple[Future[None], ...]) -> None:
    for thread in threads:
        if thread.done():
            thread.result()
