"""Names that depend on one another in a circle. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def first_circle(graph: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Of `graph` (each name with the names that it depends on) the first circle that is met, walking in depth
    in the order in which names stand. All that depend on one another are in it, in the order of the walk:
    Ruby's TSort tells them so. Names that depend on themselves, or are not in the graph, do not count."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    # Names that may still turn out to be in one circle with what is being walked.
    stack: list[str] = []
    waiting: set[str] = set()
    for start in graph:
        if start in number:
            continue
        walk: list[tuple[str, Iterator[str]]] = [(start, iter(graph[start]))]
        number[start] = lowest[start] = len(number)
        stack.append(start)
        waiting.add(start)
        while walk:
            name, rest = walk[-1]
            for other in rest:
                if other not in graph:
                    continue
                if other not in number:
                    number[other] = lowest[other] = len(number)
                    stack.append(other)
                    waiting.add(other)
                    walk.append((other, iter(graph[other])))
                    break
                if other in waiting:
                    lowest[name] = min(lowest[name], number[other])
            else:
                walk.pop()
                if walk:
                    above = walk[-1][0]
                    lowest[above] = min(lowest[above], lowest[name])
                if lowest[name] == number[name]:
                    at = _last(stack, name)
                    found = stack[at:]
                    if len(found) > 1:
                        return found
                    del stack[at:]
                    waiting.difference_update(found)
    return None


def _last(stack: list[str], name: str) -> int:
    position = len(stack) - 1
    while stack[position] != name:
        position -= 1
    return position
