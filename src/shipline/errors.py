"""The exception tree. Every error is a sentence a person can act on.

    ShiplineError
    ├── UsageError            the command line or a config file is wrong            exit 2
    ├── EngineError           the Docker Engine refused or failed
    │   ├── EngineUnavailable     there is no engine to talk to
    │   ├── ImageNotFound         the registry or the engine does not have the image
    │   ├── ImageAccessDenied     the registry did not accept the credentials
    │   └── ImagePullFailed       anything else that went wrong while pulling
    ├── HostError             the machine lacks something that shipline needs
    ├── RemoteError           another program answered with an error, or not at all
    └── ProtocolError         bytes from outside that do not follow their protocol

Raise or return; log once, at the edge. `hint` is the next step, when there is one.
"""

from __future__ import annotations


class ShiplineError(Exception):
    """`message` says what and where, `hint` what to do next; `code` is for programs."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(ShiplineError):
    code = "usage"


class EngineError(ShiplineError):
    code = "engine"


class EngineUnavailable(EngineError):
    code = "engine_unavailable"


class ImageNotFound(EngineError):
    code = "image_not_found"


class ImageAccessDenied(EngineError):
    code = "image_access_denied"


class ImagePullFailed(EngineError):
    code = "image_pull_failed"


class HostError(ShiplineError):
    code = "host"


class RemoteError(ShiplineError):
    code = "remote"


class ProtocolError(ShiplineError):
    code = "protocol"
