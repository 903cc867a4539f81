"""Actions upon a commit's files: what they make of them, and which are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shipline.coordinator.tree_changes import (
    EXECUTABLE,
    FILE,
    FOLDER,
    SUBMODULE,
    Action,
    File,
    Kind,
    RefusedAction,
    changes,
    check_path,
    names_of,
)

FILES = {
    "a.txt": File(FILE, "1"),
    "run": File(EXECUTABLE, "2"),
    "link": File("120000", "3"),
    "src": File(FOLDER, "4"),
    "src/b.txt": File(FILE, "5"),
    "module": File(SUBMODULE, "6"),
}


def refused(*actions: Action, newest: dict[str, str] | None = None) -> str:
    with pytest.raises(RefusedAction) as error:
        changes(actions, FILES, newest or {})
    return str(error.value)


def test_each_action_does_what_it_says() -> None:
    found = changes(
        [
            Action("create", "new/one", content=b"n"),
            Action("update", "a.txt", content=b"A"),
            Action("move", "src/c.txt", "src/b.txt"),
            Action("delete", "link"),
            Action("chmod", "run", executable=False),
        ],
        FILES,
        {},
    )
    assert found == {
        "new/one": File(FILE, b"n"),
        "a.txt": File(FILE, b"A"),
        "src/b.txt": None,
        "src/c.txt": File(FILE, "5"),
        "link": None,
        "run": File(FILE, "2"),
    }


def test_an_action_comes_upon_what_those_before_it_left() -> None:
    made = [
        Action("create", "x", content=b"1"),
        Action("update", "x", content=b"2"),
        Action("move", "y", "x"),
    ]
    assert changes(made, {}, {}) == {"x": None, "y": File(FILE, b"2")}
    assert changes([Action("delete", "a.txt"), Action("create", "a.txt/in", content=b"")], FILES, {}) == {
        "a.txt": None,
        "a.txt/in": File(FILE, b""),
    }


def test_a_file_keeps_its_mode_unless_another_is_asked_for() -> None:
    for name, mode in (("run", EXECUTABLE), ("link", "120000"), ("a.txt", FILE)):
        assert changes([Action("update", name, content=b"")], FILES, {})[name] == File(mode, b"")
    assert changes([Action("update", "run", content=b"", executable=False)], FILES, {})["run"] == File(
        FILE, b""
    )
    assert changes([Action("create", "n", content=b"", executable=True)], {}, {})["n"] == File(
        EXECUTABLE, b""
    )


def test_what_is_there_is_not_created_and_what_is_not_is_not_changed() -> None:
    assert refused(Action("create", "a.txt")) == "A file with this name already exists: a.txt"
    assert refused(Action("move", "a.txt", "run")) == "A file with this name already exists: a.txt"
    assert refused(Action("create", "src")) == "A directory with this name already exists: src"
    kinds: tuple[Kind, ...] = ("update", "delete", "chmod")
    for kind in kinds:
        for path in ("none", "src"):
            assert refused(Action(kind, path)) == f"A file with this name doesn't exist: {path}"
    assert refused(Action("move", "n", "none")) == "A file with this name doesn't exist: none"
    assert refused(Action("move", "n", "src")) == "A file with this name doesn't exist: src"
    assert "submodule" in refused(Action("update", "module"))


def test_a_file_does_not_become_a_folder_because_something_is_put_into_it() -> None:
    assert refused(Action("create", "a.txt/in")).startswith("a.txt is a file")
    assert refused(Action("create", "x"), Action("create", "x/y/z")).startswith("x is a file")


def test_a_file_that_has_changed_since_it_was_read_is_left_alone() -> None:
    update = Action("update", "a.txt", content=b"", last_commit_id="old")
    assert "changed since" in refused(update, newest={"a.txt": "new"})
    assert changes([update], FILES, {"a.txt": "old"})


def test_the_folders_above_are_looked_up_too() -> None:
    assert names_of([Action("move", "a/b/c", "d/e")]) == {"a", "a/b", "a/b/c", "d", "d/e"}


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/etc/passwd", "a//b", "a/", "..", "../a", "a/../b", "a/..", ".", "./a", "a/./b",
        ".git", ".git/config", "a/.git/hooks/post-receive", ".GIT/config", ".Git", ".git.", ".git ", ".git. .",
        "git~1", "GIT~1/config", ".g\u200cit/config", ".git::$INDEX_ALLOCATION/x", ".git:a",
        "a\\b", "..\\a", "a\nb", "a\x00b", "a\x7f", "x" * 256, "ü" * 128, "/".join(["x" * 200] * 21),
    ],
)  # fmt: skip
def test_a_path_that_leaves_the_tree_or_lies_in_git_s_own_is_refused(path: str) -> None:
    with pytest.raises(RefusedAction):
        check_path(path)


@pytest.mark.parametrize(
    "path",
    [".gitignore", ".gitlab-ci.yml", "git/a", "a.git/b", "...", "..a", "-", "--", "a b", "ü/ß", "gi~1"],
)
def test_a_path_that_only_looks_odd_is_taken(path: str) -> None:
    check_path(path)


@given(some.text(max_size=30))
def test_no_path_that_is_taken_names_a_folder_above_or_git_s_own(path: str) -> None:
    try:
        check_path(path)
    except RefusedAction:
        return
    parts = path.split("/")
    assert all(
        part not in ("", ".", "..") and part.lower().strip(". ") != "git"
        for part in parts
        if part[:4] != "git"
    )
    assert all(part.lower() != ".git" for part in parts)
