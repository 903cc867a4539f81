"""The runtime that asks for no capability which the machine does not have."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from shipline.host.engine_runtime import ALL_CAPABILITIES, bounding_set, runtime_flags

PROGRAM = Path(str(resources.files("shipline.host"))) / "stand_ins" / "dind" / "runc_within_bounds.py"
STATUS = "Name:\tcat\nCapPrm:\t000001ffffffffff\nCapBnd:\t{:016x}\nCapAmb:\t0000000000000000\n"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runc_within_bounds", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


runc = load()
EVERY = [f"CAP_{name}" for name in runc.NAMES]
KINDS = ("bounding", "effective", "permitted")


def process(**sets: list[str]) -> dict[str, Any]:
    return {"args": ["sh"], "cwd": "/", "noNewPrivileges": False, "capabilities": sets}


def test_the_names_are_those_of_linux_by_their_numbers() -> None:
    # linux/capability.h
    for number, name in ((0, "CHOWN"), (12, "NET_ADMIN"), (21, "SYS_ADMIN"), (30, "AUDIT_CONTROL")):
        assert runc.NAMES[number] == name
    assert (runc.NAMES[37], runc.NAMES[40]) == ("AUDIT_READ", "CHECKPOINT_RESTORE")
    assert len(runc.NAMES) == len(set(runc.NAMES)) == ALL_CAPABILITIES.bit_length()


def test_what_the_machine_lacks_is_taken_out_of_every_set() -> None:
    bounds = ALL_CAPABILITIES & ~(1 << runc.NAMES.index("SYS_MODULE"))
    trimmed = runc.within(bounds, process(**dict.fromkeys(KINDS, EVERY)))
    for kind in KINDS:
        assert trimmed["capabilities"][kind] == [name for name in EVERY if name != "CAP_SYS_MODULE"]


def test_with_every_capability_nothing_changes() -> None:
    asked = process(**dict.fromkeys(KINDS, EVERY), ambient=[])
    assert runc.within(ALL_CAPABILITIES, asked) == asked


def test_without_any_capability_nothing_is_left() -> None:
    trimmed = runc.within(0, process(bounding=["CAP_CHOWN"], effective=[]))
    assert trimmed["capabilities"] == {"bounding": [], "effective": []}


@pytest.mark.parametrize("number", range(41))
def test_each_bit_is_one_capability(number: int) -> None:
    trimmed = runc.within(1 << number, process(bounding=EVERY))
    assert trimmed["capabilities"] == {"bounding": [EVERY[number]]}


def test_nothing_is_added_and_the_order_stays() -> None:
    trimmed = runc.within(ALL_CAPABILITIES, process(bounding=["CAP_KILL", "CAP_CHOWN"]))
    assert trimmed["capabilities"] == {"bounding": ["CAP_KILL", "CAP_CHOWN"]}


def test_a_capability_that_is_not_known_is_not_asked_for() -> None:
    trimmed = runc.within(ALL_CAPABILITIES, process(bounding=["CAP_OF_LINUX_9", "CAP_KILL"]))
    assert trimmed["capabilities"] == {"bounding": ["CAP_KILL"]}


def test_the_rest_of_a_process_stays_and_the_given_one_is_not_changed() -> None:
    asked = process(bounding=["CAP_CHOWN"])
    trimmed = runc.within(0, asked)
    assert {**trimmed, "capabilities": None} == {**asked, "capabilities": None}
    assert asked == process(bounding=["CAP_CHOWN"])


@pytest.mark.parametrize("asked", [{"args": ["sh"]}, {"args": ["sh"], "capabilities": None}])
def test_a_process_without_sets_stays_as_it_is(asked: dict[str, Any]) -> None:
    assert runc.within(0, asked) == asked


@pytest.mark.parametrize("bounds", [0, 1, 0xA80425FB, ALL_CAPABILITIES])
def test_the_bounds_are_read_from_the_status_of_a_process(bounds: int) -> None:
    assert runc.bounding_set(STATUS.format(bounds)) == bounding_set(STATUS.format(bounds)) == bounds


def test_a_status_without_bounds_is_an_error_in_the_container_and_none_on_the_host() -> None:
    with pytest.raises(ValueError, match="no CapBnd line"):
        runc.bounding_set("Name:\tcat\n")
    assert bounding_set("Name:\tcat\n") == ALL_CAPABILITIES


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["create", "--bundle", "/b", "id"], "/b"),
        (["create", "--bundle=/b", "id"], "/b"),
        (["create", "-b", "/b", "id"], "/b"),
        (["--root", "/r", "create", "--bundle", "/b", "--pid-file", "/p", "id"], "/b"),
        (["create", "--bundle-of", "/x", "id"], None),
        (["create", "id"], None),
        (["create", "--bundle"], None),
    ],
)
def test_an_option_is_read_as_runc_reads_it(arguments: list[str], value: str | None) -> None:
    assert runc.option(arguments, "--bundle", "-b") == value


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """In runc's place: tells how it was called."""
    path = tmp_path / "runc"
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    path.chmod(0o755)
    return path


def call(recorder: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-IS", str(PROGRAM), str(recorder), *arguments],
        capture_output=True,
        text=True,
        cwd=recorder.parent,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (7, "")
    return done.stdout.splitlines()


def ours() -> list[str]:
    bounds = bounding_set(Path("/proc/self/status").read_text())
    return [name for number, name in enumerate(EVERY) if bounds >> number & 1]


@pytest.mark.parametrize("command", ["create", "run"])
def test_a_containers_configuration_is_trimmed_before_runc_gets_it(
    recorder: Path, tmp_path: Path, command: str
) -> None:
    config = tmp_path / "bundle" / "config.json"
    config.parent.mkdir()
    asked = {"ociVersion": "1.2.0", "process": process(bounding=[*EVERY, "CAP_NEW"]), "root": {"path": "r"}}
    config.write_text(json.dumps(asked))
    words = ["--root", "/r", command, "--bundle", str(config.parent), "the id"]
    assert call(recorder, *words) == words
    assert json.loads(config.read_text()) == {**asked, "process": process(bounding=ours())}


def test_without_an_option_the_bundle_is_the_folder_it_is_called_in(recorder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"process": process(bounding=["CAP_NEW"])}))
    call(recorder, "create", "id")
    assert json.loads((tmp_path / "config.json").read_text())["process"] == process(bounding=[])


@pytest.mark.parametrize("words", [["--process"], ["-p"]])
def test_a_process_in_a_container_is_trimmed_too(recorder: Path, tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "process.json"
    path.write_text(json.dumps(process(bounding=[*EVERY, "CAP_NEW"])))
    call(recorder, "exec", *words, str(path), "id")
    assert json.loads(path.read_text()) == process(bounding=ours())


def test_a_process_that_is_given_by_words_goes_through(recorder: Path) -> None:
    assert call(recorder, "exec", "id", "ls", "-l") == ["exec", "id", "ls", "-l"]


def test_a_machine_with_every_capability_needs_no_other_runtime(tmp_path: Path) -> None:
    assert runtime_flags(tmp_path, STATUS.format(ALL_CAPABILITIES)) == []
    assert runtime_flags(tmp_path, STATUS.format((1 << 50) - 1)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_machine_with_fewer_gets_a_runtime_that_can_be_run(tmp_path: Path) -> None:
    flags = runtime_flags(tmp_path, STATUS.format(ALL_CAPABILITIES & ~1))
    wrapper = tmp_path / "runc-within-bounds.sh"
    assert flags == [f"--add-runtime=within-bounds={wrapper}", "--default-runtime=within-bounds"]
    assert wrapper.stat().st_mode & 0o111
    text = wrapper.read_text()
    for mark in ("@PYTHON@", "@RUNC@", "@TRIM@"):
        assert mark not in text
    assert str(tmp_path / "runc_within_bounds.py") in text
    assert (tmp_path / "runc_within_bounds.py").read_text() == PROGRAM.read_text()


@pytest.mark.parametrize("words", [["create", "id"], ["--root", "/r", "state", "id"], ["--version"]])
def test_the_wrapper_hands_every_call_on(recorder: Path, tmp_path: Path, words: list[str]) -> None:
    runtime_flags(tmp_path, STATUS.format(0))
    wrapper = tmp_path / "runc-within-bounds.sh"
    lines = wrapper.read_text().splitlines()
    found = lines[-1].split()[1]
    wrapper.write_text(wrapper.read_text().replace(found, str(recorder)))
    done = subprocess.run([str(wrapper), *words], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stdout.splitlines()) == (7, words)
