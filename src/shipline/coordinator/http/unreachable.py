"""503 when the database has gone while we run: said in one line, and tried again by whoever asks."""

from __future__ import annotations

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.deprecation import MiddlewareMixin

from shipline.coordinator import database

TEXT = "503 Service Unavailable - the database cannot be reached: try again"


class DatabaseMiddleware(MiddlewareMixin):
    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        return unreachable(request, exception)


def unreachable(_request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
    """None for every other exception."""
    if not isinstance(exception, InterfaceError | OperationalError):
        return None
    if not database.is_gone(exception):
        return None
    said = (str(exception).strip().splitlines() or ["no reason was given"])[0]
    logging.getLogger(__name__).warning("%s cannot be reached: %s", database.where(), said)
    response = JsonResponse({"message": TEXT}, status=503)
    response["Retry-After"] = "5"
    return response
