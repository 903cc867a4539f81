"""The composed scripts, run by real shells."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from shipline.runner import script
from shipline.runner.trace import GREEN, RESET

SHELLS = [shell for shell in ("/bin/sh", "/bin/bash") if Path(shell).exists()]
ODD = [
    "plain",
    "",
    " spaces  and\ttabs ",
    "it's 'quoted' \"twice\"",
    "'",
    "''",
    "$HOME ${HOME} $(echo no) `echo no`",
    "back\\slash \\n \\",
    "line\nbreak\n",
    "*?[a-z]{a,b}~ & | ; < > # !",
    "-n",
    "%s %d %%",
    "grüße €",
]


def run(
    text: str, shell: str = "/bin/sh", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The script comes by stdin, as it does to a container."""
    return subprocess.run(
        [shell],
        input=text,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(environment or {})},
        timeout=60,
    )


def shown(output: str) -> list[str]:
    """The lines of a step, without those that say which command runs."""
    return [line for line in output.splitlines() if not line.startswith(GREEN)]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("text", ODD)
def test_a_quoted_text_is_one_word(text: str, shell: str) -> None:
    assert run(f"printf %s {script.quote(text)}", shell).stdout == text


def test_commands_run_one_after_the_other_in_one_shell(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["name=world", "cd /", 'echo "hello $name in $PWD"'], str(tmp_path)), shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown(done.stdout) == ["hello world in /"]


def test_each_command_is_shown_before_it_runs(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["echo 'a'  b", "printf '%s' \"it's\""], str(tmp_path)), shell)
    assert done.stdout == (
        f"{GREEN}$ echo 'a'  b{RESET}\na b\n" + f"{GREEN}$ printf '%s' \"it's\"{RESET}\nit's"
    )


def test_of_a_command_of_several_lines_the_first_is_shown(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["\nfor x in 1 2; do\n  echo $x\ndone\n"], str(tmp_path)), shell)
    assert done.stdout == f"{GREEN}$ for x in 1 2; do # collapsed multi-line command{RESET}\n1\n2\n"


def test_an_empty_command_is_an_empty_line(tmp_path: Path, shell: str) -> None:
    assert run(script.step(["", "  \n", "echo x"], str(tmp_path)), shell).stdout.startswith("\n\n")


@pytest.mark.parametrize("code", [1, 3, 42, 255])
def test_the_exit_code_is_that_of_the_command_that_failed(code: int, tmp_path: Path, shell: str) -> None:
    done = run(script.step(["echo before", f"(exit {code})", "echo after"], str(tmp_path)), shell)
    assert done.returncode == code
    assert shown(done.stdout) == ["before"]


def test_exit_ends_the_script(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["exit 0", "false"], str(tmp_path)), shell)
    assert done.returncode == 0
    assert run(script.step(["exit 7"], str(tmp_path)), shell).returncode == 7


def test_a_failure_within_a_command_of_several_lines_ends_it(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["echo one\nfalse\necho two"], str(tmp_path)), shell)
    assert (done.returncode, shown(done.stdout)) == (1, ["one"])


def test_a_failure_that_is_asked_for_ends_nothing(tmp_path: Path, shell: str) -> None:
    text = script.step(["if false; then echo no; fi", "false || true", "! false", "echo end"], str(tmp_path))
    done = run(text, shell)
    assert (done.returncode, shown(done.stdout)) == (0, ["end"])


def test_a_failure_in_a_pipe_counts_where_the_shell_can_tell(tmp_path: Path) -> None:
    done = run(script.step(["false | cat", "echo after"], str(tmp_path)), "/bin/bash")
    assert (done.returncode, shown(done.stdout)) == (1, [])


def test_a_command_that_is_not_there_ends_the_script_with_127(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["there-is-no-such-command", "echo after"], str(tmp_path)), shell)
    assert (done.returncode, shown(done.stdout)) == (127, [])
    assert "there-is-no-such-command" in done.stderr


def test_a_syntax_error_fails_the_script(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["if true; then echo half"], str(tmp_path)), shell)
    assert done.returncode != 0
    assert done.stderr


def test_a_command_cannot_read_the_rest_of_the_script(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["cat", "read line || echo nothing to read", "echo end"], str(tmp_path)), shell)
    assert (done.returncode, shown(done.stdout)) == (0, ["nothing to read", "end"])


def test_a_here_document_goes_on_to_its_end(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["cat <<'END'\n$x 'y'\nEND", "echo end"], str(tmp_path)), shell)
    assert (done.returncode, shown(done.stdout)) == (0, ["$x 'y'", "end"])


def test_a_remark_hides_nothing_of_what_comes_after_it(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["# just so", "echo one # two", "echo end"], str(tmp_path)), shell)
    assert shown(done.stdout) == ["one", "end"]


def test_a_file_may_be_overwritten_also_when_the_image_forbids_it(tmp_path: Path, shell: str) -> None:
    (tmp_path / "out").write_text("old")
    text = "set -o noclobber\n" + script.step(["echo new > out"], str(tmp_path))
    assert run(text, shell).returncode == 0
    assert (tmp_path / "out").read_text() == "new\n"


def test_a_script_runs_in_the_projects_folder(tmp_path: Path, shell: str) -> None:
    folder = tmp_path / "it's a $folder"
    folder.mkdir()
    assert shown(run(script.step(["pwd"], str(folder)), shell).stdout) == [str(folder)]


def test_without_the_projects_folder_no_command_runs(tmp_path: Path, shell: str) -> None:
    done = run(script.step(["echo ran"], str(tmp_path / "gone")), shell)
    assert done.returncode != 0
    assert done.stdout == ""


@pytest.mark.parametrize("value", ODD)
def test_an_exported_value_arrives_as_it_is(value: str, tmp_path: Path, shell: str) -> None:
    text = script.step(["sh -c 'printf %s \"$VALUE\"' > got"], str(tmp_path), {"VALUE": value})
    assert run(text, shell).returncode == 0
    assert (tmp_path / "got").read_text() == value


@pytest.mark.parametrize("value", ODD)
def test_a_file_variable_is_a_path_to_its_content(value: str, tmp_path: Path, shell: str) -> None:
    path = tmp_path / "project.tmp" / "CONFIG"
    text = script.step(["echo $CONFIG"], str(tmp_path), files={"CONFIG": (str(path), value)})
    assert shown(run(text, shell).stdout) == [str(path)]
    assert path.read_text() == value


def test_a_file_variable_may_have_been_made_unwritable(tmp_path: Path, shell: str) -> None:
    path = tmp_path / "KEY"
    path.write_text("old")
    path.chmod(0o400)
    assert run(script.step(["true"], str(tmp_path), files={"KEY": (str(path), "new")}), shell).returncode == 0
    assert (path.read_text(), path.stat().st_mode & 0o200) == ("new", 0o200)


@pytest.mark.parametrize("name", ["UID", "PPID", "SHELLOPTS", "OPTIND", "BASHOPTS"])
def test_a_name_that_shells_keep_for_themselves_ends_no_script(name: str, tmp_path: Path, shell: str) -> None:
    done = run(script.step(["echo ran"], str(tmp_path), {name: "x"}), shell)
    assert (done.returncode, shown(done.stdout)) == (0, ["ran"])


def test_the_best_shell_of_the_image_is_taken() -> None:
    command = script.detect_shell()
    done = subprocess.run(command, input="echo shell $0; exit 5", capture_output=True, text=True, timeout=60)
    best = next(shell for shell in script.SHELLS if Path(shell).exists())
    assert (done.returncode, done.stdout) == (5, f"shell {best}\n")


def test_a_shell_that_is_asked_to_end_ends_with_its_command(tmp_path: Path, shell: str) -> None:
    text = script.step(["echo begun; sleep 60 & wait"], str(tmp_path))
    with subprocess.Popen([shell], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(text)
        process.stdin.close()
        while process.stdout.readline() != "begun\n":
            pass
        process.terminate()
        assert process.wait(timeout=60) == 1
        subprocess.run(["pkill", "-P", str(process.pid)], check=False)


def options(**fields: object) -> script.Options:
    return replace(script.Options(), **fields)  # type: ignore[arg-type]


def test_xtrace_shows_the_commands_and_not_the_values_that_are_exported(tmp_path: Path, shell: str) -> None:
    text = script.step(["echo $A"], str(tmp_path), {"A": "hidden value"}, options=options(xtrace=True))
    done = run(text, shell)
    assert "+ echo hidden value" in done.stderr
    assert "export" not in done.stderr


def test_what_a_script_left_in_the_environment_file_is_known_to_the_next(tmp_path: Path, shell: str) -> None:
    kept = options(environment_file=str(tmp_path / "env file"))
    run(script.step(["echo \"LEFT='a b'\" > 'env file'"], str(tmp_path), options=kept), shell)
    done = run(script.step(["sh -c 'echo $LEFT'"], str(tmp_path), options=kept), shell)
    assert shown(done.stdout) == ["a b"]


def test_the_configs_scripts_stand_around_the_commands(tmp_path: Path, shell: str) -> None:
    around = options(before="echo before; X=1", after="echo after $X")
    assert shown(run(script.step(["echo in $X"], str(tmp_path), options=around), shell).stdout) == [
        "before",
        "in 1",
        "after 1",
    ]


def test_with_script_sections_a_command_of_several_lines_is_shown_whole_and_folded(
    tmp_path: Path, shell: str
) -> None:
    text = script.step(["echo one\necho two"], str(tmp_path), options=options(sections=True))
    done = subprocess.run([shell], input=text.encode(), capture_output=True, check=True, timeout=60)
    lines = done.stdout.decode().split("\n")
    assert re.fullmatch(
        r"section_start:\d{10,}:section_script_step_0\[hide_duration=true,collapsed=true\]\r\x1b\[0K.*echo one.*",
        lines[0],
    )
    assert lines[1:5] == [f"{GREEN}echo one", f"echo two{RESET}", "one", "two"]
    assert re.fullmatch(r"section_end:\d{10,}:section_script_step_0\r\x1b\[0K", lines[5])


def test_with_exit_code_checks_a_failure_ends_it_where_the_job_switched_errexit_off(
    tmp_path: Path, shell: str
) -> None:
    commands = ["set +e", "(exit 3)", "echo after"]
    assert run(script.step(commands, str(tmp_path)), shell).returncode == 0
    done = run(script.step(commands, str(tmp_path), options=options(exit_code_check=True)), shell)
    assert (done.returncode, shown(done.stdout)) == (3, [])
