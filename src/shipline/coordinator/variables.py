"""CI/CD variables: what one may be, and which of them a project's jobs get.

Rules and words are GitLab's (documentation of CI/CD variables). No value is in a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from shipline.coordinator.database import often
from shipline.coordinator.models import GroupVariable, InstanceVariable, Project, ProjectVariable
from shipline.coordinator.models.group import paths_above
from shipline.model.variable import SettingsVariable, Variable

KEY = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)
SCOPE = re.compile(r"[A-Za-z0-9_/\\${}. *-]{1,255}", re.ASCII)
MASK_LENGTH = 8
_MASKABLE = re.compile(r"[A-Za-z0-9_+=/@:.~-]*", re.ASCII)
HIDDEN_STAYS = "The visibility setting cannot be changed for masked and hidden variables."
Row = TypeVar("Row", ProjectVariable, GroupVariable, InstanceVariable)


class InvalidVariable(Exception):
    """What is wrong, by field."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field} {words}")
        self.field, self.words = field, words


def create_variable(rows: QuerySet[Row], values: Mapping[str, Any], **of: Any) -> Row:
    """`of` is the project or group. Raises InvalidVariable."""
    row = rows.model(**values, **of)
    return _checked(row)


def change_variable(row: Row, values: Mapping[str, Any]) -> Row:
    if row.hidden and values.get("masked") is False:
        raise InvalidVariable("masked", HIDDEN_STAYS)
    for name, value in values.items():
        setattr(row, name, value)
    return _checked(row)


def _checked(row: Row) -> Row:
    if not KEY.fullmatch(row.key):
        raise InvalidVariable("key", "can contain only letters, digits and '_'.")
    if not SCOPE.fullmatch(getattr(row, "environment_scope", "*")):
        raise InvalidVariable(
            "environment_scope",
            "can contain only letters, digits, '-', '_', '/', '$', '{', '}', '.', '*' and spaces",
        )
    if row.masked and (why := unmaskable(row.value, raw=row.raw)):
        raise InvalidVariable("value", f"is invalid: {why}")
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise InvalidVariable("key", f"({row.key}) has already been taken") from error
    return row


def unmaskable(value: str, *, raw: bool) -> str:
    """Why a runner could not mask the value in a log; empty when it could. Pure."""
    if len(value) < MASK_LENGTH:
        return f"a masked value must have at least {MASK_LENGTH} characters"
    if value.splitlines() != [value]:
        return "a masked value must be a single line"
    if any(character.isspace() for character in value):
        return "a masked value must not contain spaces"
    if not raw and not _MASKABLE.fullmatch(value):
        return (
            "a masked value that is expanded can contain only letters, digits and _ + = / @ : . ~ -; "
            "make it raw to mask other characters"
        )
    return ""


def settings_variables(project: Project) -> list[SettingsVariable]:
    """The instance's, those of the groups that the project lies in, and its own. Which of several of one key
    counts, `model/environment.py` knows."""
    paths = paths_above(project.path_with_namespace)
    # A level is as deep as its path: the instance 0, then group by group, the project last.
    question = _ON_ALL_LEVELS.format(groups=", ".join(["%s"] * len(paths)) or "NULL")
    with often() as cursor:
        cursor.execute(question, [*paths, project.pk])
        rows = cursor.fetchall()
    found = [(_depth(path, len(paths)), key, number, *rest) for path, number, key, *rest in rows]
    found.sort(key=lambda row: row[:3])
    return [_settings_variable(level, key, *rest) for level, key, _, *rest in found]


# Asked for every job that a runner gets, so it is one question.
_ON_ALL_LEVELS = """
SELECT '', id, key, value, masked, variable_type, raw, protected, '*' FROM coordinator_instancevariable
UNION ALL
SELECT above.full_path, one.id, key, value, masked, variable_type, raw, protected, environment_scope
FROM coordinator_groupvariable one JOIN coordinator_group above ON above.id = one.group_id
WHERE above.full_path IN ({groups})
UNION ALL
SELECT NULL, id, key, value, masked, variable_type, raw, protected, environment_scope
FROM coordinator_projectvariable WHERE project_id = %s
"""


def _depth(path: str | None, groups: int) -> int:
    if path is None:
        return groups + 1
    return path.count("/") + 1 if path else 0


def _settings_variable(
    level: int, key: str, value: str, masked: bool, kind: str, raw: bool, protected: bool, scope: str
) -> SettingsVariable:
    # SQLite's truth is a number.
    variable = Variable(key, value, public=False, masked=bool(masked), file=kind == "file", raw=bool(raw))
    return SettingsVariable(variable, bool(protected), scope, level)
