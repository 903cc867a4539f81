"""The facts of a pipeline on the command line: which file, for which ref, source and files. Verbs share them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

SOURCES = (
    "push", "merge_request_event", "schedule", "web", "api", "trigger", "pipeline", "parent_pipeline",
)  # fmt: skip
CONFIG_NAME = ".gitlab-ci.yml"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was asked. `changed` None: no diff is known. `tracked` None: find out. `file` `-` is stdin."""

    file: Path
    root: Path | None
    ref: str | None
    tag: str | None
    source: str
    target_branch: str | None
    default_branch: str | None
    project_path: str | None
    variables: tuple[tuple[str, str], ...]
    predefined: tuple[tuple[str, str], ...]
    inputs: tuple[tuple[str, str], ...]
    changed: frozenset[str] | None
    tracked: frozenset[str] | None
    projects: tuple[tuple[str, Path], ...]
    templates: Path | None
    allow_private: bool
    limits: tuple[tuple[str, int], ...]


def _pairs(_context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> list[tuple[str, str]]:
    """`K=V`; the value may hold anything, also nothing."""
    pairs = [text.partition("=") for text in given]
    for text, (key, equals, _) in zip(given, pairs, strict=True):
        if not equals or not key:
            raise click.BadParameter(f"{text!r} is not of the form {option.metavar}.")
    return [(key, value) for key, _, value in pairs]


def _numbers(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> list[tuple[str, int]]:
    """`NAME=N`; which names there are is the compiler's to say."""
    pairs = _pairs(context, option, given)
    for name, value in pairs:
        if not value.isascii() or not value.isdigit() or len(value) > 18:
            raise click.BadParameter(f"{name} must be a whole number from 0 on, not {value!r}.")
    return [(name, int(value)) for name, value in pairs]


def _folders(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> list[tuple[str, Path]]:
    """`GROUP/NAME=DIR`; the folder must be there."""
    pairs = _pairs(context, option, given)
    for project, folder in pairs:
        if not Path(folder).is_dir():
            raise click.BadParameter(f"there is no folder {folder!r} for project {project}.")
    return [(project.strip("/"), Path(folder)) for project, folder in pairs]


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--file",
        "-f",
        "file",
        type=click.Path(path_type=Path),
        default=Path(CONFIG_NAME),
        show_default=True,
        help="The configuration; - reads it from stdin.",
    ),
    click.option(
        "--root",
        type=_FOLDER,
        metavar="DIR",
        help="The repository's folder, where include:local begins. [default: the file's folder when it is called "
        f"{CONFIG_NAME}, else the git repository that it lies in, else the current folder]",
    ),
    click.option(
        "--ref", metavar="BRANCH", help="The branch. [default: the one checked out, else the default one]"
    ),
    click.option("--tag", metavar="TAG", help="A tag: the pipeline is for it, not for a branch."),
    click.option(
        "--source", type=click.Choice(SOURCES), default="push", show_default=True, help="Why it runs."
    ),
    click.option(
        "--target-branch",
        metavar="BRANCH",
        help="Where a merge request goes. [default: the default branch]",
    ),
    click.option("--default-branch", metavar="BRANCH", help="[default: origin's, else main]"),
    click.option("--project-path", metavar="GROUP/NAME", help="[default: local/ and the folder's name]"),
    click.option(
        "--var",
        "variables",
        metavar="K=V",
        multiple=True,
        callback=_pairs,
        help="A pipeline variable, above all in the file.",
    ),
    click.option(
        "--predefined",
        metavar="K=V",
        multiple=True,
        callback=_pairs,
        help="Another value for a predefined variable.",
    ),
    click.option(
        "--input",
        "inputs",
        metavar="K=V",
        multiple=True,
        callback=_pairs,
        help="A value for an input of the file's spec:inputs.",
    ),
    click.option(
        "--changed",
        metavar="PATH",
        multiple=True,
        help="A file that the push changes, for rules:changes. [default: it changes none]",
    ),
    click.option(
        "--no-diff",
        is_flag=True,
        help="It is not known what changed, as for a new branch: rules:changes hold.",
    ),
    click.option(
        "--tracked",
        metavar="PATH",
        multiple=True,
        help="A file of the repository, for rules:exists and wildcards. [default: what git tracks, else "
        "the folder's files]",
    ),
    click.option(
        "--project",
        "projects",
        metavar="GROUP/NAME=DIR",
        multiple=True,
        callback=_folders,
        help="Where another project lies, for include:project and components.",
    ),
    click.option(
        "--templates", type=_FOLDER, metavar="DIR", help="Where GitLab's templates lie, for include:template."
    ),
    click.option(
        "--allow-private", is_flag=True, help="include:remote may go to loopback and private addresses."
    ),
    click.option(
        "--limit",
        "limits",
        metavar="NAME=N",
        multiple=True,
        callback=_numbers,
        help="Another value for one of GitLab's limits, where your server has another: includes=300.",
    ),
)


def facts_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; `command` gets them as one `facts`."""

    @functools.wraps(command)
    def with_facts(**given: Any) -> Any:
        wanted = {field.name: given.pop(field.name) for field in fields(Facts)}
        return command(facts=_facts(wanted, given.pop("no_diff")), **given)

    for option in reversed(_OPTIONS):
        option(with_facts)
    return with_facts


def _text(value: Any) -> Any:
    """Words of the command line that are not UTF-8, as git's names are told: nothing else could print them."""
    if isinstance(value, str):
        return value.encode(errors="surrogateescape").decode(errors="replace")
    return type(value)(map(_text, value)) if isinstance(value, (tuple, list)) else value


def _facts(given: dict[str, Any], no_diff: bool) -> Facts:
    if given["ref"] and given["tag"]:
        raise click.UsageError("--ref is a branch and --tag a tag: a pipeline is for one of them.")
    if no_diff and given["changed"]:
        raise click.UsageError("--no-diff says that no diff is known, --changed says what is in it.")
    given = {name: _text(value) for name, value in given.items()}
    given["changed"] = None if no_diff else frozenset(given["changed"])
    given |= {
        name: tuple(given[name]) for name in ("variables", "predefined", "inputs", "projects", "limits")
    }
    given["tracked"] = frozenset(given["tracked"]) or None
    return Facts(**given)
