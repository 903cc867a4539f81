"""list, verify, reset-token, unregister, check-config, status: verbs about entries that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Ended, Place
from tests.coordinator.server import Coordinator, Runner
from tests.runner.scripted import Reply, Scripted

from shipline.runner.config_file import load


def entry(name: str, url: str, token: str, more: str = "") -> str:
    return f'[[runners]]\nname = "{name}"\nurl = "{url}"\ntoken = "{token}"\n{more}\n'


@pytest.fixture
def written(path: Path, script: Scripted) -> Path:
    """One runner of the new kind, one of the old."""
    path.parent.mkdir()
    path.write_text(entry("one", script.url, "glrt-0123456789one") + entry("two", script.url, "glrtr-two"))
    return path


def runner(place: Place, path: Path, verb: str, *words: str) -> Ended:
    return place.run("runner", verb, "--config", str(path), *words)


def names(path: Path) -> list[str]:
    return [one.name for one in load(path).runners]


def test_the_entries_are_listed_without_their_tokens(place: Place, written: Path, script: Scripted) -> None:
    ended = runner(place, written, "list")
    assert ended.code == 0
    head, one, two = ended.out.splitlines()
    assert head.split() == ["name", "executor", "limit", "token", "expires", "url"]
    assert one.split() == ["one", "docker", "-", "012345678", "never", script.url]
    assert two.split()[0] == "two"
    found = runner(place, written, "list", "--format", "json").json()
    assert [(row["name"], row["token"]) for row in found] == [("one", "012345678"), ("two", "two")]
    assert "9one" not in ended.out + json.dumps(found)


def test_a_file_without_entries_says_how_to_get_one(place: Place, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("")
    assert "runner register" in runner(place, path, "list").out


def test_good_and_refused_tokens_are_told_apart(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    path.parent.mkdir()
    path.write_text(entry("good", coordinator.url, token.token) + entry("bad", coordinator.url, "glrt-bad"))
    ended = runner(place, path, "verify")
    assert ended.code == 1
    assert ended.out == "good: its token is good\n"
    assert ended.err.startswith(f"bad: {coordinator.url} does not accept the runner's token: 403")
    assert runner(place, path, "verify", "--name", "good").code == 0
    assert names(path) == ["good", "bad"]
    ended = runner(place, path, "verify", "--delete")
    assert (ended.code, names(path)) == (0, ["good"])
    assert "bad: refused, and removed from" in ended.out


def test_a_coordinator_that_is_away_costs_no_entry(place: Place, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(entry("away", "http://127.0.0.1:9", "glrt-x"))
    ended = runner(place, path, "verify", "--delete")
    assert (ended.code, names(path)) == (1, ["away"])
    assert "cannot be reached" in ended.err


def test_a_runner_of_the_new_kind_only_takes_this_machine_away(
    place: Place, written: Path, script: Scripted
) -> None:
    script.says("DELETE /runners/managers", Reply(204))
    ended = runner(place, written, "unregister", "--name", "one")
    assert (ended.code, names(written)) == (0, ["two"])
    assert "this machine is off the runner" in ended.out
    (asked,) = script.asked
    known = (written.parent / ".runner_system_id").read_text()
    assert asked.json() == {"token": "glrt-0123456789one", "system_id": known}


def test_a_runner_of_the_old_kind_is_deleted(place: Place, written: Path, script: Scripted) -> None:
    script.says("DELETE /runners", Reply(204))
    ended = runner(place, written, "unregister", "--name", "two")
    assert (ended.code, names(written)) == (0, ["one"])
    assert "the runner is deleted" in ended.out
    assert [one.call for one in script.asked] == ["DELETE /runners"]


def test_all_leave_but_those_whose_coordinator_says_no(place: Place, written: Path, script: Scripted) -> None:
    script.says("DELETE /runners/managers", Reply(403, {"message": "403 Forbidden"}))
    script.says("DELETE /runners", Reply(400, {"message": "400 Bad request"}))
    ended = runner(place, written, "unregister", "--all-runners")
    assert (ended.code, names(written)) == (1, ["two"])
    assert "one: the coordinator knew it no more (403)" in ended.out
    assert "two:" in ended.err


def test_a_runner_that_has_no_entry_is_left_by_its_address_and_token(
    place: Place, written: Path, script: Scripted
) -> None:
    script.says("DELETE /runners/managers", Reply(204))
    ended = runner(place, written, "unregister", "--url", script.url, "--token", "glrt-elsewhere")
    assert (ended.code, names(written)) == (0, ["one", "two"]), ended.err
    assert "this machine is off the runner" in ended.out
    assert f"{written} has no entry of it" in ended.out
    assert script.asked[0].json()["token"] == "glrt-elsewhere"
    assert "elsewhere" not in ended.out + ended.err


def test_a_runner_that_has_an_entry_may_be_named_by_address_and_token_too(
    place: Place, written: Path, script: Scripted
) -> None:
    script.says("DELETE /runners", Reply(204))
    ended = runner(place, written, "unregister", "--url", f"{script.url}/", "--token", "glrtr-two")
    assert (ended.code, names(written)) == (0, ["one"]), ended.err
    assert ended.out.startswith("two: the runner is deleted, and the entry is removed")


def test_without_a_config_file_a_runner_can_be_left_and_none_is_made(
    place: Place, path: Path, script: Scripted
) -> None:
    script.says("DELETE /runners", Reply(204))
    ended = runner(place, path, "unregister", "--url", script.url, "--token", "glrtr-two")
    assert ended.code == 0, ended.err
    assert not path.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("unregister", "--url", "http://c"), "--token is missing."),
        (("unregister", "--url", "http://c", "--token", "t", "--name", "one"), "name one runner"),
        (("unregister", "--token", "glrt-x", "--name", "one"), "--url is missing."),
        (("reset-token", "--url", "http://c"), "--url and --id go together."),
        (("reset-token", "--id", "3"), "--url and --id go together."),
        (("reset-token", "--url", "http://c", "--id", "3", "--all-runners"), "name one runner"),
        (("reset-token", "--url", "http://c", "--id", "3"), "has no runner with the id 3 at http://c."),
        (("reset-token", "--name", "one", "--pat", "glpat-x"), 'the entry "one" has no id'),
    ],
)
def test_words_that_do_not_go_together_are_refused_before_anybody_is_called(
    place: Place, written: Path, words: tuple[str, ...], said: str
) -> None:
    ended = runner(place, written, *words)
    assert ended.code == 2
    assert said in ended.err
    assert names(written) == ["one", "two"]


@pytest.mark.parametrize("how", ["name", "id"])
def test_a_token_that_is_good_for_nothing_any_more_is_exchanged_with_a_personal_access_token(
    place: Place, path: Path, coordinator: Coordinator, token: Runner, how: str
) -> None:
    path.parent.mkdir()
    path.write_text(entry("one", coordinator.url, "glrt-lost-long-ago", f"id = {token.id}"))
    words = ("--name", "one") if how == "name" else ("--url", coordinator.url, "--id", str(token.id))
    assert runner(place, path, "reset-token", *words).code == 1
    ended = runner(place, path, "reset-token", *words, "--pat", coordinator.root.token)
    assert ended.code == 0, ended.err
    (one,) = load(path).runners
    assert token.verify().status_code == 403
    assert token.verify(one.token).status_code == 200
    assert coordinator.root.token not in ended.out + ended.err + path.read_text()


def test_a_personal_access_token_that_may_not_says_which_would_do(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    path.parent.mkdir()
    path.write_text(entry("one", coordinator.url, token.token, f"id = {token.id}"))
    stranger = coordinator.user()
    ended = runner(place, path, "reset-token", "--name", "one", "--pat", stranger.token)
    assert ended.code == 1
    assert "gave no new token: 403" in ended.err
    assert "scope api or manage_runner, of somebody who administers the runner" in ended.err
    assert token.verify().status_code == 200


@pytest.mark.parametrize("verb", ["unregister", "reset-token"])
def test_which_runner_must_be_said(place: Place, written: Path, verb: str) -> None:
    ended = runner(place, written, verb)
    assert ended.code == 2
    assert 'The file has: "one", "two".' in ended.err
    ended = runner(place, written, verb, "--name", "three")
    assert ended.code == 2
    assert 'has no runner named "three". It has: "one", "two".' in ended.err


def test_a_new_token_is_written_where_the_old_one_was(place: Place, written: Path, script: Scripted) -> None:
    fresh = {"token": "glrt-fresh", "token_expires_at": "2027-01-31T12:00:00Z"}
    script.says("POST /runners/reset_authentication_token", Reply(201, fresh))
    ended = runner(place, written, "reset-token", "--name", "one")
    assert ended.code == 0, ended.err
    assert ended.out == "one: has a new token until 2027-01-31 12:00 UTC\n"
    one, two = load(written).runners
    assert (one.token, two.token) == ("glrt-fresh", "glrtr-two")
    assert script.asked[0].json()["token"] == "glrt-0123456789one"


def test_a_token_that_is_not_exchanged_stays(place: Place, written: Path, script: Scripted) -> None:
    script.says("POST /runners/reset_authentication_token", Reply(403, {"message": "403 Forbidden"}))
    ended = runner(place, written, "reset-token", "--all-runners")
    assert ended.code == 1
    assert load(written).runners[0].token == "glrt-0123456789one"


def test_a_right_config_is_told_in_a_sentence_and_what_has_no_effect_above_it(
    place: Place, path: Path
) -> None:
    path.parent.mkdir()
    path.write_text("concurrent = 3\nconcurent = 4\n" + entry("one", "http://c", "t"))
    ended = runner(place, path, "check-config")
    assert ended.code == 0
    assert ended.out.splitlines() == [
        f"warning: {path}: concurent is not known and has no effect. Did you mean concurrent?",
        f"{path} is right: 3 jobs at once, for one (docker).",
    ]


def test_one_job_is_one_job(place: Place, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(entry("one", "http://c", "t"))
    assert runner(place, path, "check-config").out == f"{path} is right: 1 job at once, for one (docker).\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("concurrent = 0", "concurrent must be a whole number, 1 or more, not 0"),
        ("", "has no [[runners]] entry"),
        (entry("a", "https://c", "t", 'tls-ca-file = "/none.pem"'), "/none.pem cannot be used for TLS"),
    ],
)
def test_a_wrong_config_is_exit_code_2(place: Place, path: Path, text: str, said: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    ended = runner(place, path, "check-config")
    assert ended.code == 2
    assert said in ended.err


def test_the_file_in_the_data_folder_is_the_default_and_a_named_folder_counts_more_than_a_variable(
    place: Place, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    (folder / "runner").mkdir(parents=True)
    (folder / "runner" / "config.toml").write_text(entry("in the folder", "http://c", "t"))
    ended = place.run("runner", "list", "--data", str(folder))
    assert "in the folder" in ended.out


def test_nothing_runs_is_exit_code_3(place: Place, written: Path) -> None:
    ended = runner(place, written, "status")
    assert ended.code == 3
    assert "Start it with `shipline runner run`." in ended.out
    ended = runner(place, written, "status", "--format", "json")
    assert (ended.code, ended.json()) == (3, {"running": False, "config": str(written)})


def test_a_file_that_is_not_there_says_how_to_get_one(place: Place, path: Path) -> None:
    for verb in ("list", "run", "verify", "check-config"):
        ended = runner(place, path, verb)
        assert ended.code == 2
        assert "`shipline runner register` and `shipline up` write one" in ended.err


def test_the_coordinator_knows_the_new_token_and_no_more_the_old_one(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    path.parent.mkdir()
    path.write_text(entry("one", coordinator.url, token.token))
    ended = runner(place, path, "reset-token", "--all-runners")
    assert ended.code == 0, ended.err
    (one,) = load(path).runners
    assert one.token != token.token
    assert token.verify().status_code == 403
    assert token.verify(one.token).status_code == 200


def test_a_machine_that_left_is_no_manager_of_the_runner_any_more(
    place: Place, path: Path, coordinator: Coordinator, token: Runner
) -> None:
    words = ("--non-interactive", "--url", coordinator.url, "--token", token.token, "--name", "one")
    assert runner(place, path, "register", *words).code == 0
    managers = f"runners/{token.id}/managers"
    known = (path.parent / ".runner_system_id").read_text()
    assert [one["system_id"] for one in coordinator.root.get(managers)] == [known]
    ended = runner(place, path, "unregister", "--name", "one")
    assert ended.code == 0, ended.err
    assert coordinator.root.get(managers) == []
    assert token.verify().status_code == 200


def test_a_verb_that_is_spelt_nearly_right_is_guessed(place: Place) -> None:
    ended = place.run("runner", "regster")
    assert ended.code == 2
    assert "No such command 'regster'. Did you mean 'register'?" in ended.err
    assert "Did you mean 'runner'?" in place.run("runer").err
