"""REST v4's addresses. Django imports this when the first of them is asked for, or `server.py` a moment after the
start: what is declared of some two hundred operations takes as long to load as all the rest."""

from __future__ import annotations

from shipline.coordinator.http.rest import api

urlpatterns = api.patterns()
