"""What every page has: its template, who looks at it, and what it may load."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import urlencode

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = render(request, template, {"user": request.user, **context}, status=status)
    response["Content-Security-Policy"] = POLICY
    # Nobody finds it in a cache, nor by going back after signing out, without asking us.
    response["Cache-Control"] = "private, no-cache"
    return response


def missing(request: HttpRequest) -> HttpResponseBase:
    """404, or the sign-in page for those who are not signed in."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect("/users/sign_in?" + urlencode({"next": request.get_full_path()}))
    return page(request, "missing.html", {}, 404)
