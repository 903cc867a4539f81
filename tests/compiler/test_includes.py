from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler.facts import PushFacts
from shipline.compiler.includes import load_all
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.merging import merge
from shipline.compiler.nodes import Node
from shipline.compiler.problems import Problems
from shipline.compiler.sources import Component, LocalFiles
from shipline.model.variable import Variable

FILE = ".gitlab-ci.yml"
JOB = "\nown: {script: own}\n"
DENIED = (
    "not found or access denied! Make sure any includes in the pipeline configuration are correctly defined."
)
UNIQUE = "Input keys must be unique across all included files and inline specifications."
NOT_DEFINED = "Given inputs not defined in the `spec` section of the included configuration file"
VALID = "`local`, `project`, `remote`, `template`, `artifact`, `component`"
FACTS = PushFacts(
    ref="main",
    predefined=(Variable("CI_COMMIT_BRANCH", "main"), Variable("GITLAB_USER_LOGIN", "ada")),
    settings=(Variable("DIR", "ci"), Variable("TOKEN", "s3cr3t-token", masked=True)),
)


def load(
    text: str,
    files: dict[str, str] | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
    inputs: dict[str, Any] | None = None,
    **elsewhere: Any,
) -> tuple[Any, list[str]]:
    """The merged configuration, and what is wrong: each as `file:line: message`."""
    known = {FILE: text, **(files or {})}
    problems = Problems()
    facts = replace(FACTS, tracked_paths=lambda: frozenset(known))
    root = load_all(FILE, text, facts, LocalFiles(known, **elsewhere), limits, inputs or {}, problems)
    return root and root.plain(), [str(problem) for problem in problems.found]


def merged(text: str, files: dict[str, str] | None = None, **elsewhere: Any) -> Any:
    found, faults = load(text + JOB, files, **elsewhere)
    assert faults == []
    del found["own"]
    return found


def faults(text: str, files: dict[str, str] | None = None, **elsewhere: Any) -> list[str]:
    return load(text + JOB, files, **elsewhere)[1]


def test_a_file_without_content_is_refused() -> None:
    assert load(" \n") == (None, [f"{FILE}: Please provide content of .gitlab-ci.yml"])


@pytest.mark.parametrize("include", ["~", "[]", "[~]"])
def test_nothing_to_include_is_fine(include: str) -> None:
    assert merged(f"include: {include}") == {}


@pytest.mark.parametrize(
    "include", ["a.yml", "/a.yml", "[a.yml]", "{local: a.yml}", "[{local: /a.yml}]", "$DIR/../a.yml"]
)
def test_a_local_file_may_be_named_in_several_ways(include: str) -> None:
    files = {"a.yml": "a: {script: a}", "ci/../a.yml": "a: {script: a}"}
    assert merged(f"include: {include}", files) == {"a": {"script": "a"}}


def test_later_files_lie_over_earlier_ones_and_the_file_itself_over_all() -> None:
    files = {
        "a.yml": "x: {a: 1, l: [1], n: {k: 1, m: 1}}\ny: 1\n",
        "b.yml": "x: {b: 2, l: [2], n: {k: 2}}\ny: ~\n",
    }
    found = merged("include: [a.yml, b.yml]\nx: {n: {k: 3}}", files)
    assert found == {"x": {"a": 1, "b": 2, "l": [2], "n": {"k": 3, "m": 1}}, "y": None}


def test_included_files_come_first_in_the_order_of_jobs() -> None:
    assert list(merged("c: 1\ninclude: [b.yml, a.yml]", {"a.yml": "a: 1", "b.yml": "b: 1"})) == [
        "b",
        "a",
        "c",
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ci/*.yml", ["b", "a"]),
        ("ci/**.yml", ["b", "a", "c"]),
        ("ci/**/*.yml", ["c"]),
        ("z*.yml", ["own-too"]),
        ("nothing/*.yml", []),
    ],
)
def test_wildcards_stand_for_files_in_the_order_of_their_paths(pattern: str, found: list[str]) -> None:
    files = {
        "ci/2.yml": "a: 1", "ci/1.yml": "b: 1", "ci/sub/3.yml": "c: 1", "ci/x.yaml": "d: 1", "z.yml": "own-too: 1",
    }  # fmt: skip
    assert list(merged(f"include: {pattern}", files)) == found


def test_an_included_file_includes_from_its_own_project() -> None:
    other = LocalFiles({"a.yml": "include: [b.yml, {project: g/third, file: t.yml}]", "b.yml": "b: 1"})
    third = LocalFiles({"t.yml": "include: b.yml", "b.yml": "third: 1"})
    other = replace(other, projects={"g/third": third})
    projects = {"g/p": other}
    assert merged("include: {project: G/P, file: /a.yml}", {"b.yml": "wrong: 1"}, projects=projects) == {
        "b": 1, "third": 1,
    }  # fmt: skip


def test_files_of_a_project_come_from_a_ref_and_may_be_several() -> None:
    projects = {"g/p": LocalFiles({}), "g/p@v1": LocalFiles({"a.yml": "a: 1", "b.yml": "b: 1"})}
    include = "include: {project: g/p, ref: $REF, file: [a.yml, /b.yml]}".replace("$REF", "v1")
    assert merged(include, projects=projects) == {"a": 1, "b": 1}


def test_a_remote_file_belongs_to_no_project() -> None:
    remotes = {"https://x.example/a.yml": "a: 1\ninclude: b.yml"}
    assert faults("include: https://x.example/a.yml", {"b.yml": "b: 1"}, remotes=remotes) == [
        "https://x.example/a.yml:2: Local file `b.yml` does not have project!"
    ]


def test_a_remote_file_may_include_another() -> None:
    remotes = {
        "https://x.example/a.yml": "include: {remote: 'https://x.example/b.yml'}",
        "https://x.example/b.yml": "b: 1",
    }
    assert merged("include: {remote: 'https://x.example/a.yml', cache: 2 hours}", remotes=remotes) == {"b": 1}


def test_the_content_of_a_remote_file_can_be_held_to_a_digest() -> None:
    digest = base64.b64encode(hashlib.sha256(b"a: 1").digest()).decode()
    remotes = {"https://x.example/a.yml": "a: 1"}
    include = "include: {{remote: 'https://x.example/a.yml', integrity: sha256-{0}}}"
    assert merged(include.format(digest), remotes=remotes) == {"a": 1}
    refused = faults(include.format("A" * 43 + "="), remotes=remotes)
    assert refused == [
        f"{FILE}:1: Remote file `https://x.example/a.yml` failed integrity check! (its content is sha256-{digest})"
    ]


def test_a_template_comes_by_its_name() -> None:
    templates = {"Bash.gitlab-ci.yml": "a: 1\ninclude: b.yml"}
    assert merged("include: {template: Bash.gitlab-ci.yml}", {"b.yml": "b: 1"}, templates=templates) == {
        "b": 1, "a": 1,
    }  # fmt: skip


def component(content: str, files: dict[str, str] | None = None, version: str | None = None) -> Component:
    inside = LocalFiles(files or {})
    return Component(content.encode(), "templates/c.yml", inside, "c", "f" * 40, version, "1")


def test_a_component_knows_what_it_is_and_so_do_files_that_it_includes() -> None:
    text = "spec: {component: [name, sha, version, reference]}\n---\n"
    content = (
        text
        + "a: $[[ component.name ]] $[[ component.version ]] $[[ component.reference ]]\ninclude: n.yml\n"
    )
    nested = text + "n: $[[ component.sha ]]\n"
    components = {"host/g/p/c@1": component(content, {"n.yml": nested}, "1.2.3")}
    assert merged("include: {component: host/g/p/c@1}", components=components) == {
        "n": "f" * 40, "a": "c 1.2.3 1",
    }  # fmt: skip


def test_a_file_that_is_no_component_has_no_values_of_one() -> None:
    text = "spec: {component: [name]}\n---\na: $[[ component.name ]]\n"
    assert faults("include: a.yml", {"a.yml": text}) == [
        "a.yml:3: `a.yml`: unknown interpolation provided: `name` in `component.name`"
    ]


def test_files_of_artifacts_are_for_child_pipelines() -> None:
    include = "include: {artifact: a.yml, job: make}"
    assert merged(include, artifacts={("make", "a.yml"): "a: 1"}) == {"a": 1}
    assert faults(include) == [
        f"{FILE}:1: Including configs from artifacts is only allowed when triggering child pipelines"
    ]
    assert faults("include: {artifact: a.yml}", artifacts={}) == [
        f"{FILE}:1: Job must be provided when including configs from artifacts"
    ]
    assert faults(include, artifacts={}) == [f"{FILE}:1: File `a.yml` is empty!"]


def test_variables_are_expanded_and_unknown_ones_become_nothing() -> None:
    projects = {"g/p": LocalFiles({"ci/a.yml": "a: 1"})}
    include = "include: {project: g/p, ref: $NOTHING, file: ['${DIR}/a$NOTHING.yml']}"
    assert merged(include, projects=projects) == {"a": 1}


def test_the_files_own_variables_and_those_of_the_user_are_not_seen() -> None:
    text = "variables: {X: a}\ninclude:\n- {local: a.yml, rules: [{if: $X}]}\n"
    text += "- {local: b.yml, rules: [{if: $GITLAB_USER_LOGIN}]}"
    assert merged(text) == {"variables": {"X": "a"}}


@pytest.mark.parametrize(
    ("rules", "included"),
    [
        ("~", True),
        ("[{if: '$CI_COMMIT_BRANCH == \"main\"'}]", True),
        ("[{if: '$CI_COMMIT_BRANCH == \"other\"'}]", False),
        ("[{if: $DIR, when: never}, {when: always}]", False),
        ("[{if: $NOTHING}, {when: always}]", True),
        ("[{exists: [a.yml]}]", True),
        ("[{exists: [b.yml]}]", False),
        ("[{changes: [b.yml]}]", True),
        (f"[{{exists: [{', '.join('x' * 60)}, a.yml]}}]", True),
    ],
)
def test_rules_decide_whether_a_file_is_included(rules: str, included: bool) -> None:
    found = merged(f"include: {{local: a.yml, rules: {rules}}}", {"a.yml": "a: 1"})
    assert ("a" in found) is included


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("[{when: manual}]", "include:rule when unknown value: manual"),
        ("[{if: '$A =='}]", "include:rule if invalid expression syntax"),
        ("[{allow_failure: true}]", "include:rule config contains unknown keys: allow_failure"),
        ("[text]", "include:rule config should be a hash"),
        ("[{}]", "include:rule config can't be blank"),
        ("[]", "include:rules config can't be blank"),
        ("text", "include:rules config should be an array"),
        ("[{changes: text}]", "include:rule:changes should be an array or a hash"),
    ],
)
def test_rules_that_gitlab_refuses_are_told_in_its_words(rules: str, message: str) -> None:
    assert faults(f"include: {{local: a.yml, rules: {rules}}}", {"a.yml": "a: 1"}) == [f"{FILE}:1: {message}"]


@pytest.mark.parametrize(
    ("include", "message"),
    [
        ("5", "Each include must be a hash or a string"),
        ("[[a.yml]]", "Each include must be a hash or a string"),
        ("{yolo: x}", f'`{{"yolo":"x"}}` does not have a valid subkey for include. Valid subkeys are: {VALID}'),
        ("{}", f"`{{}}` does not have a valid subkey for include. Valid subkeys are: {VALID}"),
        ("''", f'`{{"local":""}}` does not have a valid subkey for include. Valid subkeys are: {VALID}'),
        ("{local: a.yml, remote: 'https://x/a.yml'}", f"Each include must use only one of: {VALID}"),
        ("{local: 5}", "Included file `5` needs to be a string"),
        ("a.txt", "Included file `a.txt` does not have YAML extension!"),
        ("ci/.yml", "Included file `ci/.yml` does not have YAML extension!"),
        ("/b.yml", "Local file `b.yml` does not exist!"),
        ("blank.yml", "Local file `blank.yml` is empty!"),
        ("comment.yml", "Included file `comment.yml` does not have valid YAML syntax!"),
        ("{project: g/p, file: x.yml}", "Project `g/p` file `x.yml` does not exist!"),
        ("{project: g/p, file: blank.yml}", "Project `g/p` file `blank.yml` is empty!"),
        ("{project: g/p, ref: v1, file: x.yml}", "Project `g/p` reference `v1` does not exist!"),
        (
            "{project: G/Q, file: x.yml}",
            f"Project `g/q` {DENIED}",
        ),
        ("{project: g/p}", "include:include config must specify the file where to fetch the config from"),
        ("{remote: 'ftp://x/a.yml'}", "Remote file `ftp://x/a.yml` does not have a valid address!"),
        ("https://x/a", "Included file `https://x/a` does not have YAML extension!"),
        ("{template: x.yml}", "Template file `x.yml` is not a valid location!"),
        (
            "{template: X.gitlab-ci.yml}",
            "Included file `X.gitlab-ci.yml` is empty or does not exist!",
        ),
        ("{component: 5}", "Included file `5` needs to be a string"),
        ("{component: x}", "Component 'x' - the component path is not supported"),
        ("{component: h/g/p/c@1}", "Component 'h/g/p/c@1' - content not found"),
        ("{local: a.yml, inputs: {x: 1}}", f"`a.yml`: {NOT_DEFINED}"),
        ("{local: a.yml, inputs: [x]}", "`a.yml`: Given inputs must be a hash"),
    ],
)  # fmt: skip
def test_what_cannot_be_included_is_told_in_gitlabs_words(include: str, message: str) -> None:
    files = {"a.yml": "a: 1", "blank.yml": " \n", "comment.yml": "# nothing"}
    projects = {"g/p": LocalFiles({"blank.yml": ""})}
    found = faults(f"include: {include}", files, projects=projects)
    assert [text.partition(": ")[2] for text in found] == [message]


def test_keys_of_entries_are_checked_only_when_nothing_is_included() -> None:
    skipped = "{local: a.yml, foo: 1, rules: [{when: never}]}"
    assert faults(f"include: {skipped}") == [f"{FILE}:1: include:include config contains unknown keys: foo"]
    assert faults(f"include: [{skipped}, a.yml]", {"a.yml": "a: 1"}) == []


def test_a_fault_inside_a_file_names_the_file_and_its_own_line() -> None:
    assert faults("include: a.yml", {"a.yml": "a: 1\nb: c: d\n"}) == [
        "a.yml:2: `a.yml`: (<unknown>): mapping values are not allowed in this context at line 2 column 5"
    ]
    assert faults("include: a.yml", {"a.yml": "- a\n"}) == ["a.yml:1: `a.yml`: Invalid configuration format"]


def test_a_fault_deep_inside_names_only_the_innermost_file() -> None:
    files = {"a.yml": "include: b.yml", "b.yml": "include: c.yml", "c.yml": "[]: ["}
    found = faults("include: a.yml", files)
    assert ["`c.yml`: (<unknown>): " in text and "`a.yml`" not in text for text in found] == [True]


def test_all_faulty_includes_are_told_at_once() -> None:
    assert faults("include: [a.yml, 5, b.txt]") == [
        f"{FILE}:1: Each include must be a hash or a string",
        f"{FILE}:1: Local file `a.yml` does not exist!",
        f"{FILE}:1: Included file `b.txt` does not have YAML extension!",
    ]


def test_secrets_in_locations_are_masked() -> None:
    assert faults("include: $TOKEN/a.yml") == [f"{FILE}:1: Local file `[MASKED]xxxx/a.yml` does not exist!"]


# Inputs


def test_inputs_are_given_with_the_include_and_may_pass_on() -> None:
    files = {
        "a.yml": "spec: {inputs: {n: {type: number}}}\n---\ninclude: {local: b.yml, inputs: {m: '$[[ inputs.n ]]'}}",
        "b.yml": "spec: {inputs: {m: {type: number}}}\n---\nb: $[[ inputs.m ]]",
    }
    assert merged("include: {local: a.yml, inputs: {n: 5}}", files) == {"b": 5}


def test_a_file_itself_may_have_inputs() -> None:
    text = "spec: {inputs: {a: {default: x}, b: }}\n---\nj: $[[ inputs.a ]]$[[ inputs.b ]]"
    assert load(text, inputs={"b": 1}) == ({"j": "x1"}, [])
    assert load(text) == (None, [f"{FILE}:1: `b` input: required value has not been provided"])


def test_at_most_three_faults_of_a_file_stand_in_its_message() -> None:
    text = "spec: {inputs: {a: , b: , c: , d: }}\n---\nj: 1"
    (found,) = load(text)[1]
    assert found.count("required value has not been provided") == 3


def test_blocks_without_a_header_stay() -> None:
    assert merged("x: $[[ inputs.a ]]") == {"x": "$[[ inputs.a ]]"}


def test_a_header_may_take_inputs_from_other_files() -> None:
    text = "spec: {include: [in.yml], inputs: {b: {default: y}}}\n---\nx: $[[ inputs.a ]]$[[ inputs.b ]]"
    assert merged(text, {"in.yml": "inputs: {a: {default: x}}"}) == {"x": "xy"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "inputs: {b: }",
            f"Duplicate input keys found: b. {UNIQUE}",
        ),
        ("inputs: {}\nx: 1\ny: 2", "Header include file `in.yml` contains unknown keys: [:x, :y]"),
        ("", "Local file `in.yml` is empty!"),
    ],
)
def test_what_a_header_cannot_include_is_told_in_gitlabs_words(content: str, message: str) -> None:
    text = "spec: {include: [in.yml], inputs: {b: {default: y}}}\n---\nx: 1"
    assert [one.partition(": ")[2] for one in faults(text, {"in.yml": content})] == [message]


def test_a_header_includes_only_plain_files() -> None:
    (found,) = faults("spec: {include: {template: x.gitlab-ci.yml}}\n---\nx: 1")
    assert found.endswith("valid subkey for header include. Valid subkeys are: `local`, `remote`, `project`")


def test_a_component_cannot_take_inputs_from_other_files() -> None:
    components = {"host/g/p/c@1": component("spec: {include: [in.yml]}\n---\nx: 1")}
    text = "`host/g/p/c@1`: Component `host/g/p/c@1` cannot use `spec:include`. "
    text += "This keyword is not supported in components"
    assert [
        one.partition(": ")[2] for one in faults("include: {component: host/g/p/c@1}", components=components)
    ] == [text]


# Limits


def test_exactly_as_many_includes_as_the_limit_pass() -> None:
    files = {f"{n}.yml": f"j{n}: 1" for n in range(151)}
    assert len(merged(f"include: [{', '.join(list(files)[:150])}]", files)) == 150
    assert faults(f"include: [{', '.join(files)}]", files) == [
        f"{FILE}:1: Maximum of 150 nested includes are allowed!"
    ]


def test_includes_count_over_all_files_and_each_time() -> None:
    files = {"a.yml": "include: [b.yml, b.yml]", "b.yml": "b: 1"}
    assert merged("include: a.yml", files, limits=Limits(includes=3)) == {"b": 1}
    assert faults("include: a.yml", files, limits=Limits(includes=2)) == [
        "a.yml:1: Maximum of 2 nested includes are allowed!"
    ]


def test_files_that_include_themselves_end_at_the_limit() -> None:
    files = {"a.yml": "include: [b.yml, a.yml]", "b.yml": "include: a.yml"}
    assert faults("include: a.yml", files)[0].endswith("Maximum of 150 nested includes are allowed!")


def test_all_files_together_have_a_limit_of_their_size() -> None:
    files = {"a.yml": "a: 1234", "b.yml": "b: 1234"}
    assert faults("include: [a.yml, b.yml]", files, limits=Limits(total_bytes=13)) == [
        f"{FILE}:1: Total size of combined CI/CD configuration is too big"
    ]


# Merging


TREES = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
)


def tree(value: Any, file: str = "f") -> Node:
    if isinstance(value, dict):
        keys = dict.fromkeys(value, (1, 1))
        return Node({key: tree(item, file) for key, item in value.items()}, file, 1, 1, keys)
    if isinstance(value, list):
        return Node([tree(item, file) for item in value], file, 1, 1)
    return Node(value, file, 1, 1)


HASHES = st.dictionaries(st.sampled_from("abc"), TREES, max_size=3)


@given(HASHES, HASHES, HASHES)
def test_merging_is_associative_for_what_lies_over(a: Any, b: Any, c: Any) -> None:
    """What lies on top decides, wherever one begins; but a scalar in between cuts off what is below it."""
    once = merge(merge(tree(a), tree(b)), tree(c)).plain()
    for key in c:
        if not isinstance(c[key], dict):
            assert once[key] == c[key]
    assert merge(tree(a), merge(tree(b), tree(c))).plain().keys() == once.keys()


@given(HASHES)
def test_merging_with_itself_or_nothing_changes_nothing(a: Any) -> None:
    assert merge(tree(a), tree(a)).plain() == a
    assert merge(tree({}), tree(a)).plain() == merge(tree(a), tree({})).plain() == a


def test_a_key_of_another_file_keeps_its_place() -> None:
    below = Node({"a": Node(1, "x.yml", 5, 4)}, "x.yml", 5, 1, {"a": (5, 1)})
    over = Node({"b": Node(1, "y.yml", 2, 4)}, "y.yml", 2, 1, {"b": (2, 1)})
    found = merge(below, over)
    assert [(found.key(key).file, found.key(key).line) for key in "ab"] == [("x.yml", 5), ("y.yml", 2)]
