"""The language of `rules:if`. Pure.

or      := and ("||" and)*            `&&` and `||` give the value of an operand; only null and false
and     := compare ("&&" compare)*    stop them, the final answer is whether the value is "present"
compare := unary (("==" | "!=" | "=~" | "!~") unary)*
unary   := "!" unary | "(" or ")" | $NAME | "text" | 'text' | /pattern/flags | null | true | false
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import re2

BLANKS = " \t\n\r\f\v"
Value = str | bool | None
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<variable>\$\w+)
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<pattern>/(?:[^/]|\\/)+[^\\]/[ismU]*)
    | (?P<word>(?:null|true|false)\b)
    | (?P<operator>==|!=|=~|!~|&&|\|\||!|\(|\))
    )""",
    re.VERBOSE | re.ASCII,
)


class ExpressionError(ValueError):
    """An expression that GitLab calls invalid."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A RE2 pattern with its flags in front."""

    text: str


@dataclass(frozen=True, slots=True)
class Expression:
    """`evaluate` answers whether it holds for a set of variables."""

    text: str
    tree: Tree

    def evaluate(self, value_of: Callable[[str], str | None]) -> bool:
        value = _evaluate(self.tree, value_of)
        return bool(value.strip()) if isinstance(value, str) else value not in (None, False)


@dataclass(frozen=True, slots=True)
class Leaf:
    kind: str
    value: str | bool | Pattern | None


@dataclass(frozen=True, slots=True)
class Operation:
    operator: str
    operands: tuple[Tree, ...]


Tree = Leaf | Operation


@lru_cache(maxsize=4096)
def parse(text: str, token_limit: int) -> Expression:
    """`token_limit` and more tokens are too many. Raises ExpressionError for what GitLab refuses."""
    parser = _Parser(_tokens(text, token_limit))
    tree = _value(parser.disjunction())
    if parser.position != len(parser.tokens):
        raise ExpressionError("invalid expression syntax")
    return Expression(text, tree)


def _tokens(text: str, limit: int) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    stripped = text.rstrip(BLANKS)
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None or len(tokens) + 1 >= limit:
            raise ExpressionError("invalid expression syntax")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.position = 0

    def disjunction(self) -> Tree:
        tree = self.conjunction()
        while self._take("||"):
            tree = Operation("||", (_value(tree), _value(self.conjunction())))
        return tree

    def conjunction(self) -> Tree:
        tree = self.comparison()
        while self._take("&&"):
            tree = Operation("&&", (_value(tree), _value(self.comparison())))
        return tree

    def comparison(self) -> Tree:
        tree = self.unary()
        while operator := self._take("==", "!=", "=~", "!~"):
            right = self.unary()
            if operator in ("==", "!="):
                right = _value(right)
            elif isinstance(right, Leaf) and isinstance(right.value, bool):
                raise ExpressionError("invalid expression syntax")
            tree = Operation(operator, (_value(tree), right))
        return tree

    def unary(self) -> Tree:
        if self._take("!"):
            return Operation("!", (_value(self.unary()),))
        if self._take("("):
            tree = _value(self.disjunction())
            if not self._take(")"):
                raise ExpressionError("invalid expression syntax")
            return tree
        return self._leaf()

    def _leaf(self) -> Tree:
        if self.position >= len(self.tokens):
            raise ExpressionError("invalid expression syntax")
        kind, text = self.tokens[self.position]
        if kind == "operator":
            raise ExpressionError("invalid expression syntax")
        self.position += 1
        if kind == "variable":
            return Leaf("variable", text[1:])
        if kind == "text":
            return Leaf("text", text[1:-1])
        if kind == "word":
            return Leaf("word", {"null": None, "true": True, "false": False}[text])
        return Leaf("pattern", to_pattern(text))

    def _take(self, *operators: str) -> str | None:
        if self.position < len(self.tokens):
            kind, text = self.tokens[self.position]
            if kind == "operator" and text in operators:
                self.position += 1
                return text
        return None


def _value(tree: Tree) -> Tree:
    """A pattern stands on the right of a match only."""
    if _is_pattern(tree):
        raise ExpressionError("invalid expression syntax")
    return tree


def _is_pattern(tree: Tree) -> bool:
    return isinstance(tree, Leaf) and tree.kind == "pattern"


_WRITTEN_PATTERN = re.compile(r"/(?P<body>.*)/(?P<flags>[ismU]*)", re.DOTALL)


def is_written_pattern(text: str) -> bool:
    """Whether `text` looks like `/body/flags`, right or wrong."""
    return _WRITTEN_PATTERN.fullmatch(text) is not None


def to_pattern(text: str) -> Pattern:
    """`/body/flags` as a pattern. Raises ExpressionError when it is not one that RE2 takes."""
    match = _WRITTEN_PATTERN.fullmatch(text)
    if match is None:
        raise ExpressionError("invalid expression syntax")
    body = match["body"].replace("\\/", "/")
    pattern = Pattern(f"(?{match['flags']}){body}" if match["flags"] else body)
    if compiled(pattern.text) is None:
        raise ExpressionError("invalid expression syntax")
    return pattern


@lru_cache(maxsize=4096)
def compiled(text: str) -> re2._Regexp | None:
    """The compiled pattern, or None when RE2 does not take it."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        return re2.compile(text, options=options)
    except re2.error:
        return None


def _evaluate(tree: Tree, value_of: Callable[[str], str | None]) -> Value | Pattern:
    if isinstance(tree, Leaf):
        if tree.kind == "variable":
            return value_of(str(tree.value))
        return tree.value
    if tree.operator == "!":
        return _evaluate(tree.operands[0], value_of) in (None, False, "")
    left = _evaluate(tree.operands[0], value_of)
    if tree.operator == "&&":
        return left if left in (None, False) else _evaluate(tree.operands[1], value_of)
    if tree.operator == "||":
        return _evaluate(tree.operands[1], value_of) if left in (None, False) else left
    right = _evaluate(tree.operands[1], value_of)
    if tree.operator == "==":
        return _comparable(left) == _comparable(right)
    if tree.operator == "!=":
        return _comparable(left) != _comparable(right)
    matched = _matches(left, right)
    return matched if tree.operator == "=~" else not matched


def _comparable(value: Value | Pattern) -> Value | Pattern:
    return str(value).lower() if isinstance(value, bool) else value


def _matches(left: Value | Pattern, right: Value | Pattern) -> bool:
    if left is None or right is None:
        return False
    text = str(_comparable(left))
    if isinstance(right, Pattern):
        pattern = compiled(right.text)
        return pattern is not None and pattern.search(text) is not None
    try:
        return _matches(left, to_pattern(str(right)))
    except ExpressionError:
        # A text on the right that is no pattern is searched for the left one, as GitLab does.
        return text in str(right)
