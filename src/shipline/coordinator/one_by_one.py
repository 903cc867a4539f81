"""What is done at intervals, to many things that have nothing to do with one another."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import InterfaceError, OperationalError

T = TypeVar("T")


def one_by_one(things: Iterable[T], step: Callable[[T], object], what: str) -> None:
    """One that fails, which is logged, does not keep the others from their turn; one that somebody has deleted
    meanwhile needs nothing. Raises what says that the database itself is in the way: then it is all done again."""
    for thing in things:
        try:
            step(thing)
        except ObjectDoesNotExist:
            continue
        except (InterfaceError, OperationalError):
            raise
        except Exception:
            logging.getLogger(__name__).exception("%s: %s failed; the others go on", what, thing)
