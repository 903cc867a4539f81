"""An error as AWS's services answer it: a code that clients' exception classes are named after, a message."""

from __future__ import annotations


class AwsError(Exception):
    """`code` as in the service's model (`ClusterNotFoundException`); `status` is the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
