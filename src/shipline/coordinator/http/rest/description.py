"""The description of the API (OpenAPI), which says of each call whether it needs a token."""

from __future__ import annotations

from typing import Any

from ninja import NinjaAPI

from shipline.coordinator.http.rest.callers import AccessToken, AnybodyReads
from shipline.coordinator.http.rest.scopes import ROOT

TOKEN = [{AccessToken.__name__: list[str]()}]
# An empty requirement is one that everybody meets.
OPTIONAL: list[dict[str, list[str]]] = [{}, *TOKEN]


class DescribedAPI(NinjaAPI):
    """django-ninja writes the name of the class that looks for a token. There are two of them, and one kind of
    token: what `AnybodyReads` reads without one is written as OpenAPI has it."""

    def get_openapi_schema(self, **options: Any) -> Any:
        # django-ninja would ask Django for it, which knows the addresses of REST v4 by no name.
        schema = super().get_openapi_schema(**{"path_prefix": f"{ROOT}/", **options})
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                if any(AnybodyReads.__name__ in one for one in operation.get("security", ())):
                    operation["security"] = OPTIONAL if method in ("get", "head") else TOKEN
        schemes = schema["components"]["securitySchemes"]
        schemes[AccessToken.__name__] = (
            schemes.pop(AnybodyReads.__name__, None) or schemes[AccessToken.__name__]
        )
        return schema
