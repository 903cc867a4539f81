"""Signed addresses of caches in S3 or what speaks like it. The helper gets the addresses, never the keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from shipline.errors import UsageError
from shipline.runner.config_file import CacheSection

VALID_SECONDS = 3600


@dataclass
class CacheStore:
    """One config entry's store. Signing asks no server, but where the config has no keys the credentials of the
    machine may; so call it from a thread."""

    section: CacheSection
    _client: Any = field(default=None, repr=False)

    def get_url(self, name: str) -> str:
        return self._signed("get_object", name)

    def put_url(self, name: str) -> str:
        return self._signed("put_object", name)

    def _signed(self, operation: str, name: str) -> str:
        """Raises UsageError when the config does not suffice, or no credentials are to be had."""
        from botocore.exceptions import BotoCoreError

        try:
            if self._client is None:
                self._client = self._made()
            bucket = self.section.s3.bucket_name
            signed: str = self._client.generate_presigned_url(
                operation, Params={"Bucket": bucket, "Key": name}, ExpiresIn=VALID_SECONDS
            )
        except (BotoCoreError, ValueError) as error:
            raise UsageError(f"[runners.cache.s3] cannot be used: {error}") from error
        return signed

    def _made(self) -> Any:
        import boto3
        from botocore.config import Config

        s3 = self.section.s3
        if not s3.bucket_name:
            raise UsageError("[runners.cache.s3] has no BucketName.")
        region = s3.bucket_location or "us-east-1"
        scheme = "http" if s3.insecure else "https"
        # Without a region in it, AWS's address redirects, and no signature survives that.
        regional = f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
        server = s3.server_address if s3.server_address not in ("", "s3.amazonaws.com") else regional
        aws = ".amazonaws.com" in server
        style = s3.path_style if s3.path_style is not None else not aws or "." in s3.bucket_name
        keys: dict[str, Any] = {}
        if s3.authentication_type != "iam" and s3.access_key:
            keys = {"aws_access_key_id": s3.access_key, "aws_secret_access_key": s3.secret_key}
            if s3.session_token:
                keys["aws_session_token"] = s3.session_token
        return boto3.client(
            "s3",
            region_name=region,
            endpoint_url=f"{scheme}://{server}",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path" if style else "virtual"}),
            **keys,
        )
