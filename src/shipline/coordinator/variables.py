"""CI/CD variables: what one may be, and which of them a project's jobs get.

Rules and words are GitLab's (documentation of CI/CD variables). No value is in a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from shipline.coordinator.models import Group, GroupVariable, InstanceVariable, Project, ProjectVariable
from shipline.coordinator.models.group import paths_above
from shipline.coordinator.models.variable import StoredVariable
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
    groups = Group.objects.filter(full_path__in=paths_above(project.path_with_namespace)).order_by(
        "full_path"
    )
    levels: list[QuerySet[Any]] = [
        InstanceVariable.objects.order_by("key"),
        *(group.variables.order_by("key", "id") for group in groups),
        project.variables.order_by("key", "id"),
    ]
    return [settings_variable(row, level) for level, rows in enumerate(levels) for row in rows]


def settings_variable(row: StoredVariable, level: int) -> SettingsVariable:
    variable = Variable(
        row.key,
        row.value,
        public=False,
        masked=row.masked,
        file=row.variable_type == "file",
        raw=row.raw,
    )
    return SettingsVariable(variable, row.protected, getattr(row, "environment_scope", "*"), level)
