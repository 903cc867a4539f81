"""The composed scripts, run by real shells."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
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
        timeout=20,
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


def test_the_best_shell_of_the_image_is_taken() -> None:
    command = script.detect_shell()
    done = subprocess.run(command, input="echo shell $0; exit 5", capture_output=True, text=True, timeout=20)
    best = next(shell for shell in script.SHELLS if Path(shell).exists())
    assert (done.returncode, done.stdout) == (5, f"shell {best}\n")


def git(*words: str, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@example.com", "-C", str(folder), *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})},
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server") / "app.git"
    folder.mkdir()
    git("init", "--quiet", "--initial-branch=main", ".", folder=folder)
    for number in ("one", "two"):
        (folder / "file").write_text(number)
        git("add", ".", folder=folder)
        git("commit", "--quiet", "-m", number, folder=folder)
    return folder


def fetched(repository: Path, work: Path, sha: str, refspecs: Sequence[str], depth: int = 0) -> list[str]:
    text = script.get_sources(str(work), f"file://{repository}", refspecs, sha, depth, "main")
    done = run("set -e\n" + text, environment=script.git_environment("http://x", "eA==") | {"HOME": "/"})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


REFSPEC = "+refs/heads/main:refs/remotes/origin/main"


def test_exactly_the_commit_is_checked_out(repository: Path, tmp_path: Path) -> None:
    sha, work = git("rev-parse", "main~1", folder=repository), tmp_path / "a group" / "app"
    said = fetched(repository, work, sha, [REFSPEC])
    assert said == [
        "Fetching changes...",
        f"{GREEN}Checked out {sha[:8]} as detached HEAD (ref is main)...{RESET}",
    ]
    assert (work / "file").read_text() == "one"
    assert git("rev-parse", "HEAD", folder=work) == sha


def test_a_depth_fetches_only_so_many_commits(repository: Path, tmp_path: Path) -> None:
    said = fetched(repository, tmp_path, git("rev-parse", "main", folder=repository), [REFSPEC], depth=1)
    assert said[0] == "Fetching changes with git depth set to 1..."
    assert git("rev-list", "--count", "HEAD", folder=tmp_path) == "1"


def test_sources_may_be_fetched_again_over_changed_files(repository: Path, tmp_path: Path) -> None:
    old, new = git("rev-parse", "main~1", folder=repository), git("rev-parse", "main", folder=repository)
    fetched(repository, tmp_path, old, [REFSPEC])
    (tmp_path / "file").write_text("changed by the job before")
    fetched(repository, tmp_path, new, [REFSPEC])
    assert (tmp_path / "file").read_text() == "two"


def test_a_commit_that_is_not_there_fails(repository: Path, tmp_path: Path) -> None:
    text = script.get_sources(str(tmp_path), f"file://{repository}", [REFSPEC], "a" * 40, 0, "main")
    assert run("set -e\n" + text, environment={"HOME": "/"}).returncode != 0


def test_no_file_keeps_the_credentials(repository: Path, tmp_path: Path) -> None:
    fetched(repository, tmp_path, git("rev-parse", "main", folder=repository), [REFSPEC])
    config = (tmp_path / ".git" / "config").read_text()
    assert "Authorization" not in config
    assert "eA==" not in config


def test_git_reads_the_credentials_of_its_environment(tmp_path: Path) -> None:
    environment = script.git_environment("http://coordinator:8080/a/b.git", "dXNlcjpwdw==")
    asked = ["config", "--get-urlmatch", "http.extraHeader"]
    found = git(*asked, "http://coordinator:8080/a/b.git", folder=tmp_path, environment=environment)
    assert found == "Authorization: Basic dXNlcjpwdw=="
    with pytest.raises(subprocess.CalledProcessError):
        git(*asked, "http://elsewhere:8080/a/b.git", folder=tmp_path, environment=environment)
