"""Doublestar globs over paths from the project's folder."""

import os
import re
from itertools import pairwise

ALTERNATIVES_LIMIT = 200


def translate(pattern, deep=True):
    """As a regular expression. `deep`: a folder that matches stands for all that is in it."""
    choices = "|".join(_translated(one.rstrip("/")) for one in alternatives(pattern))
    return re.compile(f"(?s:(?:{choices})" + (r"(?:/.*)?" if deep else "") + ")")


def _translated(pattern):
    made, position = "", 0
    while position < len(pattern):
        if pattern.startswith("**/", position):
            made, position = made + "(?:.*/)?", position + 3
        elif pattern.startswith("**", position):
            made, position = made + ".*", position + 2
        elif pattern[position] == "*":
            made, position = made + "[^/]*", position + 1
        elif pattern[position] == "?":
            made, position = made + "[^/]", position + 1
        elif pattern[position] == "[" and (end := _class_end(pattern, position)):
            made, position = made + _class(pattern[position + 1 : end]), end + 1
        elif pattern[position] == "\\" and position + 1 < len(pattern):
            made, position = made + re.escape(pattern[position + 1]), position + 2
        else:
            made, position = made + re.escape(pattern[position]), position + 1
    return made


def _class_end(pattern, start):
    """Where the `]` is that ends the class; one that comes first is a member."""
    first = start + 1
    if pattern[first : first + 1] in ("!", "^"):
        first += 1
    return max(pattern.find("]", first + 1), 0)


def _class(members):
    """A range that goes backwards, as in `[z-a]`, matches nothing."""
    negated = members[:1] in ("!", "^")
    members = members[1:] if negated else members
    made = ("^/" if negated else "") + re.sub(r"([\[\]\\^&~|])", r"\\\1", members)
    try:
        re.compile(f"[{made}]")
    except re.error:
        return "(?!)"
    return f"(?!/)[{made}]"


def alternatives(pattern):
    """`a{b,c}` is `ab` and `ac`. Of more than can be wanted the rest is left as it is written."""
    found, made = [pattern], []
    while found and len(found) + len(made) <= ALTERNATIVES_LIMIT:
        one = found.pop()
        parts = _braces(one)
        if parts is None:
            made.append(one)
        else:
            before, choices, after = parts
            found += [before + choice + after for choice in choices]
    return made + found


def _braces(pattern):
    """The first pair of braces: what is before it, its choices, what is after it."""
    start, depth, cuts, position = -1, 0, [], 0
    while position < len(pattern):
        sign = pattern[position]
        if sign == "\\":
            position += 1
        elif sign == "{":
            depth += 1
            if depth == 1:
                start, cuts = position, [position]
        elif sign == "," and depth == 1:
            cuts.append(position)
        elif sign == "}" and depth:
            depth -= 1
            if depth == 0:
                cuts.append(position)
                choices = [pattern[a + 1 : b] for a, b in pairwise(cuts)]
                return pattern[:start], choices, pattern[position + 1 :]
        position += 1
    return None


def clean(pattern, root):
    """The pattern from the project's folder, or None when it leads out of it."""
    pattern = pattern[len(root) + 1 :] if (pattern + "/").startswith(root + "/") else pattern
    pattern = os.path.normpath(pattern)
    if pattern == ".." or pattern.startswith(("/", "../")):
        return None
    return "**" if pattern == "." else pattern
