"""Coordinator and runners, killed at random while jobs run: the programs themselves, the engine and git.

The schedule comes from a seed. Each kill is due when so many jobs are over, so that all of them fall into the run
whatever the machine's speed; after each one passes a random while, which may be shorter than a program's start.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.coordinator.server import Coordinator, Project, running
from tests.runner.process import Manager
from tests.scenarios.kill_findings import FINISHED, Attempt, Findings, Seen
from tests.scenarios.kill_runners import gateway, left_on_the_engine, managing_with_engine, owner_of
from tests.scenarios.roll_call import RollCall, roll_call

from shipline.config import Config, Runners
from shipline.runner.engines import TIDY_SECONDS

IMAGE = "debian:bookworm"
# One in ten outlasts a runner's death, and is ended by its next life.
PAUSE = "'sleep $((RANDOM % 10 ? RANDOM % 3 : 9)).$((RANDOM % 10))'"
LAST_WORD = "the script came to its end"
# A runner that tells nothing is waited for a little longer than it may be silent when nobody looks (30 s).
SETTINGS = Config(runners=Runners(silence_seconds=45, acknowledge_seconds=5))
LOOK_SECONDS, PUSH_TRIES = 0.2, 100
# Two of a runner's looks for what is no job's.
TIDY_LIMIT = 2 * TIDY_SECONDS
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
                head += ["    - say begun", f"    - {PAUSE}", "    - say ended"]
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
        spent = self.plan.limit - TIDY_LIMIT
        self._until(lambda: not (self._left() or self._journal()), time.monotonic() - spent)
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
            assert jobs or pipeline["status"] not in FINISHED, f"it has no jobs: {pipeline}"
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
        owners = [owner_of(manager) for manager in self.managers]
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
    address = asyncio.run(gateway(docker_host))
    with ExitStack() as stack:
        roll = stack.enter_context(roll_call(address))
        coordinator = stack.enter_context(running(folder / "data", SETTINGS, bridge=address))
        project = coordinator.project()
        managers = [
            stack.enter_context(
                managing_with_engine(folder / f"runner-{number}", project, plan.concurrent, docker_host)
            )
            for number in range(plan.runners)
        ]
        return Run(plan, coordinator, managers, project, docker_host, roll, say).whole(folder / "work-tree")


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
