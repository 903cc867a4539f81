"""How REST v4 reads bodies."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from shipline.coordinator.http.text import read_json


class TextParser(Parser):
    """For django-ninja, which makes HttpError 400 of what this raises."""

    def parse_body(self, request: HttpRequest) -> Any:
        return read_json(request.body)
