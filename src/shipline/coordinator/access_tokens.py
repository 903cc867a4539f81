"""Use cases of access tokens: personal ones, and those of projects and groups, each with a bot as its user."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from shipline.coordinator import tokens
from shipline.coordinator.models import Group, GroupMember, Membership, PersonalAccessToken, Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

# As GitLab: a rotated token lives this long when nothing is said.
ROTATION_DAYS = 7
EXPIRY_WORDS = "must be in the future"


class InvalidToken(Exception):
    """What is wrong, by field."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field} {words}")
        self.field, self.words = field, words


@dataclass(frozen=True, slots=True)
class Made:
    """A token with its secret, which is shown this once."""

    row: PersonalAccessToken
    secret: str


def create(
    user: User,
    name: str,
    scopes: Sequence[str],
    expires_on: date | None,
    *,
    description: str = "",
    of: Project | Group | None = None,
) -> Made:
    """A token of a user. Raises InvalidToken."""
    if not name.strip():
        raise InvalidToken("name", "can't be blank")
    allowed = tokens.SCOPES if of is None else tokens.SCOPES - tokens.PERSONAL_SCOPES
    if not scopes or not set(scopes) <= allowed:
        raise InvalidToken("scopes", "can only contain available scopes")
    if "admin_mode" in scopes and not user.is_superuser:
        raise InvalidToken("scopes", "can only contain available scopes")
    secret = tokens.fresh(tokens.PERSONAL)
    row = PersonalAccessToken.objects.create(
        user=user,
        project=of if isinstance(of, Project) else None,
        group=of if isinstance(of, Group) else None,
        name=name,
        description=description,
        scopes=list(dict.fromkeys(scopes)),
        token_hash=tokens.digest(secret),
        expires_at=_expiry(expires_on),
    )
    return Made(row, secret)


def create_for(
    of: Project | Group, name: str, scopes: Sequence[str], level: int, expires_on: date | None
) -> Made:
    """A token of a project or group: a bot with that role, and its token. Raises InvalidToken."""
    kind = "project" if isinstance(of, Project) else "group"
    with transaction.atomic():
        bot = User.objects.create(
            username=f"{kind}_{of.pk}_bot_{secrets.token_hex(8)}", first_name=name[:150]
        )
        made = create(bot, name, scopes, expires_on, of=of)
        if isinstance(of, Project):
            Membership.objects.create(project=of, user=bot, access_level=level)
        else:
            GroupMember.objects.create(group=of, user=bot, access_level=level)
    return made


def revoke(row: PersonalAccessToken) -> None:
    """A bot goes with its token: it is nobody's member any more."""
    row.revoked = True
    with transaction.atomic():
        row.save(update_fields=["revoked"])
        if is_bot(row):
            _retire(row.user)


def rotate(row: PersonalAccessToken, expires_on: date | None) -> Made:
    """A new secret with the same rights; the old one opens nothing any more. Who shows the old one again may
    have stolen it. Raises InvalidToken."""
    until = expires_on or (timezone.now() + timedelta(days=ROTATION_DAYS)).date()
    with transaction.atomic():
        now = PersonalAccessToken.objects.select_for_update().get(pk=row.pk)
        if now.revoked or (now.expires_at is not None and now.expires_at <= timezone.now()):
            raise InvalidToken("token", "already revoked")
        of = now.project or now.group
        made = create(now.user, now.name, now.scopes, until, description=now.description, of=of)
        now.revoked = True
        now.save(update_fields=["revoked"])
    return made


def is_bot(row: PersonalAccessToken) -> bool:
    return row.project_id is not None or row.group_id is not None


def level_of(row: PersonalAccessToken) -> int | None:
    """The role of a project's or group's token; None when its bot has none any more."""
    found: Membership | GroupMember | None
    if row.project_id is not None:
        found = Membership.objects.filter(project=row.project_id, user=row.user_id).first()
    else:
        found = GroupMember.objects.filter(group=row.group_id, user=row.user_id).first()
    return found.access_level if found is not None else None


def remove_bots(rows: QuerySet[PersonalAccessToken]) -> None:
    """Before a project or group goes."""
    for row in rows.select_related("user"):
        _retire(row.user)


def _retire(bot: User) -> None:
    Membership.objects.filter(user=bot).delete()
    GroupMember.objects.filter(user=bot).delete()
    bot.is_active = False
    bot.save(update_fields=["is_active"])


def _expiry(expires_on: date | None) -> datetime | None:
    """It ends when that day begins, in UTC."""
    if expires_on is None:
        return None
    found = datetime(expires_on.year, expires_on.month, expires_on.day, tzinfo=UTC)
    if found <= timezone.now():
        raise InvalidToken("expires_at", EXPIRY_WORDS)
    return found
