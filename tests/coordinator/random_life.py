"""A program: the coordinator's use cases in random order over one database, and what must hold all the time.

`random_life.py DATA SEED PIPELINES EVENTS THREADS [DATABASE_URL]`. With one thread everything is looked at after
every event; with more of them they do what they do at once, on the same pipelines, and it is looked at when all are
done. What is wrong is printed with what was done before; nothing is printed when all is well.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shipline.config import Config, DataFolder
from shipline.coordinator import setup
from shipline.coordinator.folder import held
from shipline.model.status import ACTIVE, FINISHED, PIPELINE_FINISHED

WHENS = ("on_success",) * 4 + ("on_failure", "always", "manual", "manual", "delayed")
STAGES = ("a", "b", "c")
CHILD = {"inner": {"script": "make"}, "last": {"script": "make", "when": "manual"}}


def configuration(rng: random.Random) -> dict[str, Any]:
    jobs: dict[str, Any] = {}
    for number in range(rng.randint(1, 6)):
        stage = rng.choice(STAGES)
        job: dict[str, Any] = {"stage": stage}
        earlier = [name for name, one in jobs.items() if STAGES.index(one["stage"]) <= STAGES.index(stage)]
        if earlier and rng.random() < 0.4:
            job["needs"] = rng.sample(earlier, rng.randint(0, min(2, len(earlier))))
        if rng.random() < 0.5:
            job["allow_failure"] = rng.choice([True, False, {"exit_codes": [3]}])
        if rng.random() < 0.2:
            job["resource_group"] = rng.choice(["one", "two"])
        when = rng.choice(WHENS)
        if rng.random() < 0.15:
            job["trigger"] = {"include": "child.yml"} | rng.choice([{}, {"strategy": "depend"}])
            when = "on_success" if when == "delayed" else when
            job["allow_failure"] = bool(job.get("allow_failure"))
        else:
            job["script"] = "make"
            job["interruptible"] = rng.random() < 0.5
            if rng.random() < 0.3:
                job["retry"] = rng.choice([1, 2, {"max": 1, "when": "script_failure"}])
            if rng.random() < 0.2:
                job["environment"] = {"name": rng.choice(["live", "review"]), "auto_stop_in": "1 day"}
        job["when"] = when
        if when == "delayed":
            job["start_in"] = "1 hour"
        jobs[f"j{number}"] = job
    workflow = {"auto_cancel": {"on_job_failure": rng.choice(["none", "none", "all"])}}
    return {"stages": list(STAGES), "workflow": workflow, **jobs}


@dataclass
class Life:
    """What is done to the pipelines of one project. `held` are jobs in runners' hands, with their tokens."""

    rng: random.Random
    project: Any
    sha: str
    runners: list[Any]
    held: dict[int, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def happen(self) -> None:
        name = self.rng.choice(EVENTS)
        try:
            told = getattr(self, f"do_{name}")()
        except _expected() as error:
            told = f"refused: {error}"
        self.done.append(f"{name}: {told}")

    def job(self, **filters: Any) -> Any:
        from shipline.coordinator.models import Job

        found = list(Job.objects.filter(project=self.project, **filters).order_by("pk"))
        return self.rng.choice(found[-12:]) if found else None

    def pipeline(self) -> Any:
        from shipline.coordinator.models import Pipeline

        found = list(Pipeline.objects.filter(project=self.project).order_by("pk"))
        return self.rng.choice(found[-4:])

    def do_take(self) -> str:
        from shipline.coordinator import queue

        handed = queue.take_job(self.rng.choice(self.runners))
        if handed.payload is None:
            return "nothing"
        self.held[handed.payload.id] = handed.payload.token
        return str(handed.payload.id)

    def do_tell(self) -> str:
        from shipline.coordinator import job_updates
        from shipline.coordinator.refusal import Refusal
        from shipline.protocols.runner_api import JobUpdate

        if not self.held:
            return "nothing"
        number, token = self.rng.choice(list(self.held.items()))
        state = self.rng.choice(["pending", "running", "success", "success", "failed", "failed"])
        update = JobUpdate(state=state)
        if state == "failed":
            reason = self.rng.choice(["script_failure", "runner_system_failure"])
            update = JobUpdate(state=state, failure_reason=reason, exit_code=self.rng.choice([1, 3]))
        try:
            return f"{number} {state} -> {job_updates.update_job(number, token, update).status}"
        except Refusal as refusal:
            if refusal.status == 403:
                self.held.pop(number, None)
            raise

    def do_trace(self) -> str:
        from shipline.coordinator import jobs, traces

        if not self.held:
            return "nothing"
        number, token = self.rng.choice(list(self.held.items()))
        job = jobs.job_for_runner(number, token)
        return f"{number} {traces.append_trace(job, job.trace_size, b'working')}"

    def do_play(self) -> str:
        return self._act("play_job", self.job(retried=False, status__in=("manual", "scheduled")))

    def do_cancel(self) -> str:
        return self._act("cancel_job", self.job(retried=False))

    def do_retry(self) -> str:
        return self._act("retry_job", self.job(retried=False, status__in=tuple(FINISHED)))

    def do_cancel_pipeline(self) -> str:
        return self._act("cancel_pipeline", self.pipeline())

    def do_retry_pipeline(self) -> str:
        return self._act("retry_pipeline", self.pipeline())

    def _act(self, action: str, what: Any) -> str:
        from shipline.coordinator import actions

        if what is None:
            return "nothing"
        getattr(actions, action)(what)
        return str(what.pk)

    def do_time(self) -> str:
        """A delay is over, and a sweep goes by."""
        from django.utils import timezone

        from shipline.coordinator.models import Job
        from shipline.coordinator.sweeps import Sweeper

        due = self.job(status="scheduled")
        if due is not None:
            Job.objects.filter(pk=due.pk, status="scheduled").update(scheduled_at=timezone.now())
        Sweeper().sweep(timezone.now(), time.monotonic())
        return str(due.pk if due is not None else "")

    def do_trigger(self) -> str:
        from django.utils import timezone

        from shipline.coordinator import triggering

        triggering.start_what_is_due(timezone.now())
        return ""

    def do_give_back(self) -> str:
        from shipline.coordinator import jobs

        job = self.job(status="pending", runner_manager__isnull=False)
        if job is None:
            return "nothing"
        jobs.give_back(job, "of the test")
        return str(job.pk)

    def do_give_up(self) -> str:
        from shipline.coordinator import jobs

        job = self.job(status__in=tuple(ACTIVE), bridge=False)
        if job is None:
            return "nothing"
        jobs.give_up(job, "stuck_or_timeout_failure", "of the test")
        return str(job.pk)

    def do_new(self) -> str:
        return str(self.new())

    def new(self) -> int:
        from django.contrib.auth.models import User

        from shipline.coordinator.asked import Asked, RefUpdate
        from shipline.coordinator.pipelines import create_pipeline
        from shipline.coordinator.repositories import ZERO

        while True:
            text = json.dumps(configuration(self.rng))
            update = RefUpdate("main", "branch", ZERO, self.sha)
            asked = Asked(configuration=text, keep_invalid=False)
            created = create_pipeline(self.project, update, User.objects.get(pk=1), "push", asked)
            if created.pipeline is not None:
                self.done.append(f"pipeline {created.pipeline.pk}: {text}")
                return int(created.pipeline.pk)
            assert created.errors or created.why_not

    def do_stop(self) -> str:
        from shipline.coordinator import environments
        from shipline.coordinator.models import Environment

        found = list(Environment.objects.filter(project=self.project))
        if not found:
            return "nothing"
        environment = self.rng.choice(found)
        return f"{environment.name} {environments.stop(environment).state}"


EVENTS = (
    ["take"] * 6
    + ["tell"] * 9
    + ["trace", "play", "play", "cancel", "retry", "cancel_pipeline", "retry_pipeline"]
    + ["time", "trigger", "trigger", "give_back", "give_up", "stop", "new"]
)


def _expected() -> tuple[type[Exception], ...]:
    from shipline.coordinator.progress import RefusedChange
    from shipline.coordinator.refusal import Refusal

    return (RefusedChange, Refusal)


def complaints(project: Any) -> Iterator[str]:
    """What is wrong in the database."""
    from django.utils import timezone

    from shipline.coordinator.deployments import outdated_in
    from shipline.coordinator.models import Deployment, Job, Pipeline, ResourceGroup
    from shipline.coordinator.progress import state_of
    from shipline.pipeline import advance, status_of
    from shipline.pipeline.deployments import follows

    for pipeline in Pipeline.objects.filter(project=project):
        jobs = list(Job.objects.select_related("resource_group").filter(pipeline=pipeline))
        state = state_of(jobs, outdated_in(pipeline.pk))
        if status_of(state.jobs) != pipeline.status:
            yield f"pipeline {pipeline.pk} is {pipeline.status}, its jobs {status_of(state.jobs)}"
        for step in advance(state, timezone.now().timestamp()):
            yield f"pipeline {pipeline.pk} stands still before {step}"
        if (pipeline.status in PIPELINE_FINISHED) != (pipeline.finished_at is not None):
            yield f"pipeline {pipeline.pk} is {pipeline.status}, finished at {pipeline.finished_at}"
        names = sorted(job.name for job in jobs if not job.retried)
        if names != sorted({job.name for job in jobs}):
            yield f"pipeline {pipeline.pk} has these jobs: {names}"
    for job in Job.objects.filter(project=project):
        yield from _complaints_of(job)
    for group in ResourceGroup.objects.filter(project=project):
        holder = group.holder
        if holder is not None and (holder.status in FINISHED or holder.resource_group_id != group.pk):
            yield f"group {group.key} is held by {holder.pk}, which is {holder.status}"
        under_way = Job.objects.filter(resource_group=group, status__in=list(ACTIVE))
        for job in under_way.exclude(pk=holder.pk if holder else None):
            yield f"job {job.pk} is {job.status} without its group {group.key}"
        if (
            holder is None
            and Job.objects.filter(resource_group=group, status="waiting_for_resource").exists()
        ):
            yield f"group {group.key} is free, and somebody waits for it"
    for deployment in Deployment.objects.filter(project=project).select_related("deployable"):
        wanted = follows(deployment.deployable.status)
        if wanted is not None and deployment.status != wanted:
            yield f"deployment of {deployment.deployable_id} is {deployment.status}, not {wanted}"


def _complaints_of(job: Any) -> Iterator[str]:
    words = f"job {job.pk} ({job.name}) is {job.status}"
    if job.retried and job.status not in FINISHED:
        yield f"{words} and retried"
    if (job.status in FINISHED) != (job.finished_at is not None):
        yield f"{words}, finished at {job.finished_at}"
    if job.status in ("running", "canceling") and (
        job.started_at is None or (job.runner_id is None) != job.bridge
    ):
        yield f"{words}, started at {job.started_at}, runner {job.runner_id}"
    if job.status == "pending" and job.queued_at is None:
        yield f"{words} and was never queued"
    if job.status not in ("created", "pending", "running", "canceling", "success") and not job.reason:
        yield f"{words}, and nobody knows why"
    if job.status == "failed" and not job.failure_reason and not job.bridge:
        yield f"{words} for {job.failure_reason!r}, attempt {job.attempt}"


def begin(data: DataFolder, url: str | None) -> tuple[Any, str, list[Any]]:
    """A project with one commit, and runners: one of each kind."""
    setup.configure(data, Config(), url)
    setup.prepare(data)
    from shipline.coordinator.events import Events
    from shipline.coordinator.projects import create_project
    from shipline.coordinator.repositories import Repositories
    from shipline.coordinator.runners import contact, create_runner
    from shipline.coordinator.services import Services, install
    from shipline.protocols.runner_api import RunnerFeatures, RunnerVersionInfo

    events = Events(asyncio.new_event_loop())
    repositories = Repositories(data.coordinator / "repositories")
    install(Services(data, Config(), events, repositories, ThreadPoolExecutor(1)))
    project = create_project("acme", "app")
    git = ["git", "--git-dir", str(repositories.path(project.pk))]
    environment = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def ask(*words: str, text: str = "") -> str:
        done = subprocess.run(
            [*git, *words], input=text, capture_output=True, text=True, env=environment, check=True
        )
        return done.stdout.strip()

    blob = ask("hash-object", "-w", "--stdin", text=json.dumps(CHILD))
    tree = ask("mktree", text=f"100644 blob {blob}\tchild.yml\n")
    sha = ask("commit-tree", tree, "-m", "A change")
    ask("update-ref", "refs/heads/main", sha)
    callers = []
    for two_phases, graceful in ((True, True), (False, True), (False, False)):
        _, token = create_runner("glrt-", runner_type="instance_type", run_untagged=True)
        features = RunnerFeatures.model_validate(
            {
                "two_phase_job_commit": two_phases,
                "cancel_gracefully": graceful,
                "return_exit_code": True,
                "refspecs": True,
            }
        )
        callers.append(contact(token, "s_1", RunnerVersionInfo(features=features), "127.0.0.1"))
    return project, sha, callers


def one_after_the_other(life: Life, pipelines: int, events: int) -> Iterator[str]:
    for _ in range(pipelines):
        life.do_new()
        for _ in range(events):
            life.happen()
            if found := list(complaints(life.project)):
                yield "\n".join([*life.done, *found])
                return


def all_at_once(lives: list[Life], pipelines: int, events: int) -> Iterator[str]:
    from django.db import connection

    from shipline.coordinator import resource_groups
    from shipline.coordinator.database import again_after_deadlock

    failures: list[str] = []

    def live(life: Life) -> None:
        try:
            for _ in range(events):
                again_after_deadlock(life.happen)()
        except Exception:
            failures.append("\n".join([*life.done[-5:], traceback.format_exc()]))
        finally:
            connection.close()

    for _ in range(pipelines):
        lives[0].do_new()
        threads = [threading.Thread(target=live, args=(life,)) for life in lives]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # What was handed over while somebody else had the row is the sweep's.
        resource_groups.hand_over_all()
        if found := failures + list(complaints(lives[0].project)):
            yield "\n".join([*(line for life in lives for line in life.done[-40:]), *found])
            return


def main(data: str, seed: str, pipelines: str, events: str, threads: str, url: str | None = None) -> None:
    folder = DataFolder(Path(data))
    folder.root.mkdir(parents=True, exist_ok=True)
    with held(folder.coordinator, shared=url is not None):
        project, sha, runners = begin(folder, url)
        held_jobs: dict[int, str] = {}
        lives = [
            Life(random.Random(f"{seed} {number}"), project, sha, runners, held_jobs)
            for number in range(int(threads))
        ]
        run: Callable[[], Iterator[str]] = (
            (lambda: one_after_the_other(lives[0], int(pipelines), int(events)))
            if len(lives) == 1
            else (lambda: all_at_once(lives, int(pipelines), int(events)))
        )
        for complaint in run():
            print(complaint)


if __name__ == "__main__":
    main(*sys.argv[1:])
