"""`git push -o ...`: what a push asks for besides its refs. Pure.

GitLab's options, and `ci.wait`, which is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shipline.model.variable import Variable

OPTION_LIMIT = 100
_KNOWN = (
    "ci.skip", "ci.no_pipeline", "ci.variable=K=V", "ci.input=NAME=VALUE", "ci.wait", "merge_request.create",
    "merge_request.target=BRANCH", "merge_request.title=TEXT", "merge_request.description=TEXT",
    "merge_request.draft",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PushOptions:
    """`problems` are lines for the pusher: options that are not understood have no effect."""

    skip: bool = False
    wait: bool = False
    variables: tuple[Variable, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    merge_request: bool = False
    target: str = ""
    title: str = ""
    description: str = ""
    draft: bool = False
    problems: tuple[str, ...] = ()


def read_options(options: Iterable[str]) -> PushOptions:
    listed = list(options)
    given: dict[str, str] = {}
    variables: list[Variable] = []
    inputs: dict[str, str] = {}
    problems = []
    for option in listed[:OPTION_LIMIT]:
        name, _, value = option.partition("=")
        if name in ("ci.variable", "ci.input"):
            key, equals, content = _unquoted(value).partition("=")
            if not equals or not key.strip():
                problems.append(f'The push option {name} takes a name and a value: -o {name}="NAME=VALUE"')
            elif name == "ci.variable":
                variables.append(Variable(key.strip(), content, public=False))
            else:
                inputs[key.strip()] = content
        elif name in _NAMES:
            given[name] = value
        elif not name.startswith(("merge_request.", "integrations.", "secret_")):
            problems.append(f"The push option {name[:100]} is not known; there are {', '.join(_KNOWN)}")
    if len(listed) > OPTION_LIMIT:
        problems.append(f"Only the first {OPTION_LIMIT} push options were read.")
    return PushOptions(
        skip="ci.skip" in given or "ci.no_pipeline" in given,
        wait="ci.wait" in given,
        variables=tuple(variables),
        inputs=tuple(inputs.items()),
        merge_request="merge_request.create" in given,
        target=given.get("merge_request.target", ""),
        title=given.get("merge_request.title", "").strip(),
        description=given.get("merge_request.description", "").replace("\\n", "\n"),
        draft="merge_request.draft" in given,
        problems=tuple(problems),
    )


_NAMES = frozenset(known.partition("=")[0] for known in _KNOWN)


def _unquoted(text: str) -> str:
    """GitLab's documents write the quotes inside the option."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
