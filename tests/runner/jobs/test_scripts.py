"""A job's own scripts: what they see, how they end, and how they are ended."""

from __future__ import annotations

import asyncio
import os
import signal
from itertools import cycle
from pathlib import Path

import pytest
from tests.runner.git_server import PASSWORD
from tests.runner.jobs.conftest import Place

from shipline.runner.slots import Slot
from shipline.runner.trace import Trace


async def test_a_script_runs_in_the_projects_folder_with_the_jobs_variables(place: Place) -> None:
    ended = await place.run(
        'test "$PWD" = "$CI_PROJECT_DIR" && echo here', 'echo "$A."', variables={"A": "it's\n$B", "B": "b"}
    )
    assert ended.good, ended.log
    assert "here" in ended.lines
    assert "it's\nb." in ended.log
    assert "Job succeeded" in ended.log


async def test_a_command_that_fails_ends_the_job_with_its_code(place: Place) -> None:
    ended = await place.run("echo one", "exit 42", "echo two", after_script=["echo after: $CI_JOB_STATUS"])
    assert (ended.result.failure_reason, ended.result.exit_code) == ("script_failure", 42)
    assert "after: failed" in ended.lines
    assert "two" not in ended.lines
    assert "ERROR: Job failed: exit code 42" in ended.log


async def test_a_file_variable_is_a_path_in_every_script_and_gone_afterwards(place: Place) -> None:
    secret = {"key": "KEY", "value": "-----BEGIN\n$A 'x'", "file": True, "masked": False}
    ended = await place.run(
        'cat "$KEY"; echo; echo "path $KEY"',
        after_script=['cat "$KEY"; echo'],
        more_variables=[secret],
        variables={"A": "no"},
    )
    assert ended.good, ended.log
    assert ended.log.count("-----BEGIN\n$A 'x'\n") == 2
    path = next(line for line in ended.lines if line.startswith("path ")).removeprefix("path ")
    assert path.endswith("/acme/app.tmp/KEY")
    again = await place.run(f"test ! -e {path} && echo gone")
    assert "gone" in again.lines, again.log


async def test_secrets_are_masked_and_in_no_list_of_processes(place: Place) -> None:
    secret = {"key": "SECRET", "value": "hunter22hunter", "masked": True}
    run = place.job(
        place.payload(["echo value $SECRET $CI_JOB_TOKEN", "echo started; sleep 60"], more_variables=[
            secret, {"key": "CI_JOB_TOKEN", "value": PASSWORD, "masked": True}])
    )  # fmt: skip
    running = asyncio.create_task(run.run())
    await place.until(lambda: "started" in place.log().splitlines(), "the script does not begin")
    listed = b"".join(
        (folder / "cmdline").read_bytes()
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and (folder / "cmdline").exists()
    )
    assert b"hunter22hunter" not in listed
    assert PASSWORD.encode() not in listed
    assert "value [MASKED] [MASKED]" in place.log()
    run.cancelled.set()
    await running


async def test_a_cancelled_script_is_asked_to_end_and_after_script_still_runs(place: Place) -> None:
    script = ["trap 'echo put in order; exit 3' TERM; echo started; sleep 60 & wait"]
    run = place.job(place.payload(script, after_script=["echo after: $CI_JOB_STATUS"]))
    running = asyncio.create_task(run.run())
    await place.until(lambda: "started" in place.log().splitlines(), "the script does not begin")
    run.cancelled.set()
    result = await running
    assert (result.failure_reason, result.message) == ("job_canceled", "canceled")
    assert "put in order" in place.log().splitlines()
    assert "after: canceled" in place.log().splitlines()
    assert "ERROR: Job failed: canceled" in place.log()


async def test_a_job_that_is_cancelled_before_its_script_runs_nothing_of_it(place: Place) -> None:
    hooks = [{"name": "pre_get_sources_script", "script": ["echo hook; sleep 60"]}]
    run = place.job(place.payload(["echo ran"], hooks=hooks, after_script=["echo after"]))
    running = asyncio.create_task(run.run())
    await place.until(lambda: "hook" in place.log().splitlines(), "the hook does not begin")
    run.cancelled.set()
    assert (await running).failure_reason == "job_canceled"
    assert not {"ran", "after"} & set(place.log().splitlines())


async def test_a_job_that_is_cancelled_as_its_script_begins_runs_only_after_script(place: Place) -> None:
    run = place.job(place.payload(["echo ran"], after_script=["echo after: $CI_JOB_STATUS"]))

    class Watched(Trace):
        def start_section(self, name: str, title: str) -> None:
            if name == "step_script":
                run.cancelled.set()
            super().start_section(name, title)

    place.trace = run.trace = Watched(place.trace.masker, place.trace.limit, place.trace.now)
    assert (await run.run()).failure_reason == "job_canceled"
    assert "ran" not in place.log().splitlines()
    assert "after: canceled" in place.log().splitlines()


async def test_a_task_that_is_cancelled_leaves_nothing_behind(place: Place) -> None:
    running = asyncio.create_task(place.job(place.payload(["echo started; sleep 60"])).run())
    await place.until(lambda: "started" in place.log().splitlines(), "the script does not begin")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_job_that_takes_too_long_is_ended(place: Place) -> None:
    ended = await place.run("echo started; sleep 60", after_script=["echo after"], runner_info={"timeout": 4})
    assert ended.result.failure_reason == "job_execution_timeout"
    assert "ERROR: Job failed: execution took longer than 0h0m4s seconds" in ended.log
    assert "after" not in ended.lines


async def test_a_script_may_have_a_shorter_time_than_its_job(place: Place) -> None:
    ended = await place.run(
        "echo started; sleep 60",
        after_script=["echo after: $CI_JOB_STATUS"],
        variables={"RUNNER_SCRIPT_TIMEOUT": "1s"},
    )
    assert ended.result.failure_reason == "job_execution_timeout"
    assert "after: timedout" in ended.lines


async def test_after_script_has_a_time_of_its_own_and_changes_nothing(place: Place) -> None:
    ended = await place.run(
        "true", after_script=["sleep 60"], variables={"RUNNER_AFTER_SCRIPT_TIMEOUT": "1s"}
    )
    assert ended.good
    assert "after_script took longer than 0h0m1s, but job will continue unaffected" in ended.log
    failed = await place.run("true", after_script=["exit 5"])
    assert failed.good
    assert "after_script failed with exit code 5, but job will continue unaffected" in failed.log


async def test_an_error_of_after_script_may_count(place: Place) -> None:
    ended = await place.run(
        "true", after_script=["exit 5"], variables={"AFTER_SCRIPT_IGNORE_ERRORS": "false"}
    )
    assert (ended.result.failure_reason, ended.result.exit_code) == ("script_failure", 5)


async def test_what_a_script_leaves_in_the_background_does_not_hold_the_job(place: Place) -> None:
    ended = await place.run("sleep 600 & echo first", "(setsid sleep 600 &) ; echo second")
    assert ended.good
    assert "second" in ended.lines


async def test_a_release_step_runs_after_the_script(place: Place) -> None:
    steps = [
        {"name": "script", "script": ["echo one"]},
        {"name": "release", "script": ["echo releasing $CI_PROJECT_DIR"]},
    ]
    ended = await place.run(steps=steps)
    assert ended.good
    assert 'Executing "step_release" stage of the job script' in ended.log
    assert ended.log.index("one") < ended.log.index("releasing /")


async def test_run_is_refused_before_anything_is_started(place: Place) -> None:
    ended = await place.run("echo ran", run='[{"name":"x","script":"echo"}]')
    assert ended.result.failure_reason == "runner_configuration_error"
    assert "`run:` (CI/CD steps)" in ended.log
    assert "ran" not in ended.lines


async def test_variables_go_to_the_next_script_by_a_file(place: Place) -> None:
    ended = await place.run('echo "LEFT=over" >> "$GITLAB_ENV"', after_script=["echo left $LEFT"])
    assert "left over" in ended.lines, ended.log


async def test_what_is_no_text_and_lines_without_end_are_taken(place: Place) -> None:
    ended = await place.run(r"printf 'a\377b\n'", "head -c 10000000 /dev/zero | tr '\\0' x; echo", "echo end")
    assert ended.good
    assert "a\ufffdb" in ended.log
    assert "Job's log exceeded limit of 4194304 bytes." in ended.log
    assert len(ended.log) < 4_200_000


async def test_a_debug_trace_shows_each_command_unless_the_runner_forbids_it(place: Place) -> None:
    told = {"CI_DEBUG_TRACE": "true", "A": "1"}
    assert "+ echo value 1" in (await place.run("echo value $A", variables=told)).log
    place.configure(debug_trace_disabled=True)
    assert "+ echo" not in (await place.run("echo value $A", variables=told)).log


async def test_an_attempt_number_out_of_range_is_refused(place: Place) -> None:
    ended = await place.run("true", variables={"GET_SOURCES_ATTEMPTS": "11"})
    assert ended.result.failure_reason == "runner_configuration_error"
    assert "GET_SOURCES_ATTEMPTS: number of attempts out of the range [1, 10]" in ended.log


async def test_the_configs_own_scripts_stand_around_the_jobs(place: Place) -> None:
    place.configure(pre_build_script="echo before; export X=1", post_build_script="echo behind $X")
    ended = await place.run("echo within $X")
    assert [one for one in ended.lines if one.split()[0] in ("before", "within", "behind")] == [
        "before",
        "within 1",
        "behind 1",
    ]


async def test_a_wall_clock_that_jumps_changes_nothing_but_the_times_in_the_log(shell: Place) -> None:
    job, jumps = shell.job(shell.payload(["echo on"], runner_info={"timeout": 60})), cycle([0.0, 4e9])
    job.trace.now = lambda: next(jumps)
    assert not (await job.run()).failure_reason
    assert "_start:0:step_script" in shell.log()
    assert "_end:4000000000:step_script" in shell.log()
    assert "\non\n" in shell.log()


async def test_a_job_that_is_cancelled_again_and_again_takes_everything_away_all_the_same(
    place: Place,
) -> None:
    secret = {"key": "KEY", "value": "a secret", "file": True}
    payload = place.payload(["echo begun; sleep 60"], more_variables=[secret])
    running = asyncio.create_task(place.job(payload).run())
    await place.until(lambda: "\nbegun" in place.log(), "the script has begun")
    while not running.done():
        running.cancel()
        await asyncio.wait([running], timeout=0.01)
    assert running.cancelled()
    assert await place.left() == []


async def test_a_process_that_hides_and_keeps_the_output_open_is_not_waited_for(shell: Place) -> None:
    ended = await shell.run(
        "env -i PID=$$ sh -c 'echo hidden; exec sleep 300' &",
        "sleep 0.2",
        "echo on",
        runner_info={"timeout": 30},
    )
    assert ended.good, ended.log
    assert {"hidden", "on"} <= set(ended.lines)


async def test_a_process_that_leaves_its_session_too_is_not_waited_for_for_ever(
    shell: Place, tmp_path: Path
) -> None:
    file = tmp_path / "pid"
    hide = f"setsid env -i sh -c 'echo $$ > {file}; exec sleep 300' &"
    try:
        ended = await shell.run(hide, f"until [ -s {file} ]; do sleep 0.05; done", "echo on")
        assert ended.good, ended.log
        assert "keeps the output of the script open" in ended.log
    finally:
        os.kill(int(file.read_text()), signal.SIGKILL)


async def test_the_runner_s_own_key_is_masked_where_a_job_prints_it(shell: Place, tmp_path: Path) -> None:
    key = tmp_path / "client.key"
    key.write_text("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----\n")
    shell.configure(tls_key_file=str(key))
    ended = await shell.run('cat "$CI_SERVER_TLS_KEY_FILE"; echo on')
    assert ended.good, ended.log
    assert "MIIEvQIBADANBgkqhkiG" not in ended.log
    assert "[MASKED]" in ended.log


async def test_a_masked_variable_that_refers_to_the_job_s_folder_is_masked_as_the_job_sees_it(
    shell: Place,
) -> None:
    secret = {"key": "A", "value": "$CI_PROJECT_DIR/hidden", "masked": True}
    ended = await shell.run('echo "<$A>"', more_variables=[secret], slot=Slot(1, 1))
    assert "<[MASKED]>" in ended.lines, ended.log
