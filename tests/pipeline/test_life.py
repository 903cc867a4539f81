"""Random pipelines, and at random all that runners, people and time do to them: what holds in every state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shipline.model.definition import Need, Retry, When
from shipline.model.status import ACTIVE, FINISHED, PIPELINE_FINISHED, JobStatus, PipelineStatus, can_change
from shipline.pipeline import Change, JobState, PipelineState, advance, enqueue, next_wake, status_of

S = JobStatus
WHENS = (When.ON_SUCCESS, When.ON_FAILURE, When.ALWAYS, When.MANUAL, When.DELAYED)
REASONS = ("script_failure", "runner_system_failure", "missing_dependency_failure")


@dataclass
class World:
    """A pipeline, with what the coordinator does to it: it carries out steps, and writes what was done from
    outside."""

    jobs: dict[int, JobState]
    now: float = 0.0
    retries: int = 0
    history: list[str] = field(default_factory=list)

    def current(self) -> list[JobState]:
        return [job for job in self.jobs.values() if not job.retried]

    def change(self, job: JobState, status: JobStatus, **fields: object) -> JobState:
        assert can_change(job.status, status), f"{job.name}: {job.status} -> {status}"
        self.history.append(f"{job.name}.{job.attempt} {status}")
        changed = replace(job, status=status, **fields)  # type: ignore[arg-type]
        if status in FINISHED:
            changed = replace(changed, holds_resource=False)
        self.jobs[job.id] = changed
        return changed

    def another_attempt(self, job: JobState) -> JobState:
        assert job.status in FINISHED
        self.jobs[job.id] = replace(job, retried=True)
        fresh = replace(
            job,
            id=len(self.jobs),
            status=S.CREATED,
            attempt=job.attempt + 1,
            failure_reason="",
            exit_code=None,
            scheduled_at=None,
        )
        self.jobs[fresh.id] = fresh
        return fresh

    def revive(self) -> None:
        for job in self.current():
            if job.status is S.SKIPPED:
                self.change(job, S.CREATED)

    def settle(self) -> None:
        """As the coordinator does after everything that happens: step by step until nothing follows."""
        for _ in range(len(self.jobs) * 10 + 10):
            steps = advance(PipelineState(tuple(self.jobs.values())), self.now)
            if not steps:
                return
            for step in steps:
                job = self.jobs[step.job]
                if isinstance(step, Change):
                    self.check_turn(job, step)
                    self.change(
                        job, step.status, scheduled_at=step.scheduled_at, failure_reason=step.failure_reason
                    )
                else:
                    self.retries += 1
                    assert job.attempt < job.retry.max
                    fresh = self.another_attempt(job)
                    if step.at_once:
                        started = enqueue(fresh, "again")
                        self.change(fresh, started.status)
        raise AssertionError(f"it does not settle: {self.history[-20:]}")

    def check_turn(self, job: JobState, step: Change) -> None:
        """No job begins, waits for somebody or is given up for a failure before its turn has come."""
        assert step.reason
        if job.status is not S.CREATED or step.status is S.SKIPPED:
            return
        for before in self.before(job):
            assert before.status in FINISHED or (before.status is S.MANUAL and before.allow_failure), (
                f"{job.name} became {step.status} while {before.name} was {before.status}"
            )
        if job.when not in (When.ALWAYS, When.ON_FAILURE):
            bad = [
                one for one in self.before(job) if one.status in (S.FAILED, S.CANCELED) and not one.may_fail
            ]
            assert not bad, f"{job.name} became {step.status} behind {bad[0].name}, which {bad[0].status}"
        if job.needs and job.when is not When.ALWAYS:
            assert all(one.status in (S.SUCCESS, S.FAILED, S.CANCELED) for one in self.before(job)), job.name

    def before(self, job: JobState) -> list[JobState]:
        if job.needs is None:
            return [one for one in self.current() if one.stage < job.stage]
        names = {need.job for need in job.needs}
        return [one for one in self.current() if one.name in names]


@st.composite
def pipelines(draw: st.DrawFn) -> World:
    jobs: dict[int, JobState] = {}
    for number in range(draw(st.integers(1, 7))):
        earlier = [job.name for job in jobs.values()]
        needs = draw(st.none() | st.lists(st.sampled_from(earlier), unique=True)) if earlier else None
        lowest = max((job.stage for job in jobs.values() if needs and job.name in needs), default=0)
        when = draw(st.sampled_from(WHENS))
        jobs[number] = JobState(
            id=number,
            name=f"j{number}",
            stage=draw(st.integers(lowest, 3)),
            when=when,
            allow_failure=draw(st.booleans()),
            allow_failure_exit_codes=draw(st.sampled_from([(), (3,)])),
            needs=None if needs is None else tuple(Need(name) for name in needs),
            start_in=draw(st.sampled_from([0, 60])) if when is When.DELAYED else None,
            retry=draw(
                st.sampled_from([Retry(), Retry(2), Retry(1, ("script_failure",)), Retry(1, (), (3,))])
            ),
            resource_group=draw(st.sampled_from([None, None, "production"])),
        )
    return World(jobs)


def happen(world: World, draw: st.DataObject) -> bool:
    """One thing that may happen now; False when there is nothing that could."""
    events = {
        "runner": [job for job in world.current() if job.status in ACTIVE],
        "play": [job for job in world.current() if job.status in (S.MANUAL, S.SCHEDULED)],
        "cancel": [job for job in world.current() if job.status not in FINISHED | {S.CANCELING}],
        "cancel all": [job for job in world.current() if job.status not in FINISHED | {S.CANCELING}],
        "retry": [job for job in world.current() if job.status in FINISHED - {S.SKIPPED}],
        "resource": [job for job in world.current() if job.status is S.WAITING_FOR_RESOURCE],
        "time": [job for job in world.current() if job.status is S.SCHEDULED],
    }
    event = draw.draw(st.sampled_from([name for name, jobs in events.items() if jobs] or ["nothing"]))
    if event == "nothing":
        return False
    job = draw.draw(st.sampled_from(events[event]))
    world.history.append(f"({event} {job.name})")
    if event == "runner":
        runner_says(world, job, draw)
    elif event == "play":
        world.change(job, enqueue(job, "played").status)
        world.revive()
    elif event == "cancel":
        cancel(world, job)
    elif event == "cancel all":
        for one in events[event]:
            cancel(world, one)
    elif event == "retry":
        fresh = world.another_attempt(job)
        world.revive()
        world.settle()
        fresh = world.jobs[fresh.id]
        if fresh.status in (S.MANUAL, S.SCHEDULED):
            world.change(fresh, enqueue(fresh, "retried").status)
            world.revive()
    elif event == "resource":
        if not any(one.holds_resource for one in world.jobs.values()):
            world.jobs[job.id] = replace(job, holds_resource=True)
    else:
        world.now = next_wake(PipelineState(tuple(world.jobs.values()))) or world.now
    world.settle()
    return True


def runner_says(world: World, job: JobState, draw: st.DataObject) -> None:
    if job.status is S.PENDING:
        world.change(job, S.RUNNING)
    elif job.status is S.CANCELING:
        world.change(job, S.CANCELED)
    elif draw.draw(st.booleans()):
        world.change(job, S.SUCCESS)
    else:
        code = draw.draw(st.sampled_from([None, 1, 3]))
        allowed = job.allow_failure or code in job.allow_failure_exit_codes
        reason = draw.draw(st.sampled_from(REASONS))
        world.change(job, S.FAILED, exit_code=code, failure_reason=reason, allow_failure=allowed)


def cancel(world: World, job: JobState) -> None:
    world.change(job, S.CANCELING if job.status is S.RUNNING else S.CANCELED)


def explained(world: World) -> None:
    """Nothing waits without a reason that can be told: something is under way, somebody has to start something, or
    a time has to come; then the pipeline is not over, and else it is."""
    current = world.current()
    status = status_of(current)
    waiting = [job for job in current if job.status is S.CREATED]
    moving = [job for job in current if job.status in (*ACTIVE, S.WAITING_FOR_RESOURCE, S.SCHEDULED)]
    blocking = [job for job in current if job.status is S.MANUAL and not job.allow_failure]
    assert not waiting or moving or blocking, f"{waiting[0].name} waits for nothing: {world.history}"
    over = not (waiting or moving or blocking)
    assert (status in PIPELINE_FINISHED) == over, f"{status}: {current}"
    if status is PipelineStatus.MANUAL:
        assert blocking
    if status is PipelineStatus.SUCCESS:
        assert not any(job.status in (S.FAILED, S.CANCELED) and not job.may_fail for job in current)
    if status is PipelineStatus.FAILED:
        assert any(job.status is S.FAILED and not job.may_fail for job in current)


@settings(max_examples=150, deadline=None)
@given(pipelines(), st.data())
def test_whatever_happens_a_pipeline_settles_and_can_say_what_it_waits_for(
    world: World, data: st.DataObject
) -> None:
    world.settle()
    explained(world)
    for _ in range(data.draw(st.integers(0, 25))):
        if not happen(world, data):
            break
        explained(world)
    assert advance(PipelineState(tuple(world.jobs.values())), world.now) == ()


@settings(max_examples=150, deadline=None)
@given(pipelines(), st.data())
def test_when_runners_work_and_nobody_hinders_them_a_pipeline_comes_to_its_end(
    world: World, data: st.DataObject
) -> None:
    """Each job ends once for each attempt that it has, so the number of events is known beforehand."""
    world.settle()
    for _ in range(len(world.jobs) * 12):
        current = world.current()
        if active := [job for job in current if job.status in ACTIVE]:
            runner_says(world, active[0], data)
        elif waiting := [job for job in current if job.status is S.WAITING_FOR_RESOURCE]:
            world.jobs[waiting[0].id] = replace(waiting[0], holds_resource=True)
        elif any(job.status is S.SCHEDULED for job in current):
            world.now = next_wake(PipelineState(tuple(world.jobs.values()))) or world.now
        elif manual := [job for job in current if job.status is S.MANUAL]:
            world.change(manual[0], enqueue(manual[0], "played").status)
            world.revive()
        else:
            break
        world.settle()
    assert all(job.status in FINISHED for job in world.current()), world.history
    assert status_of(world.current()) in PIPELINE_FINISHED
