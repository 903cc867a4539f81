"""The endpoint's one URL: who asks, for which operation of which service, in which protocol; and its answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shipline.errors import EngineError
from shipline.local_aws import sts
from shipline.local_aws.access_keys import AccessKey
from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecr import api as ecr
from shipline.local_aws.ecs import clusters, deployments, services, tags, task_definitions, tasks
from shipline.local_aws.elb import api as elb
from shipline.local_aws.overview import overview
from shipline.local_aws.service_models import ServiceModels
from shipline.protocols import aws_json, aws_query, sigv4
from shipline.protocols.aws_errors import AwsError

BODY_LIMIT = 1024 * 1024
FIELD_LIMIT = 5000
OPERATIONS: dict[str, Operations] = {
    "ecs": {
        **clusters.OPERATIONS,
        **task_definitions.OPERATIONS,
        **services.OPERATIONS,
        **deployments.OPERATIONS,
        **tasks.OPERATIONS,
        **tags.OPERATIONS,
    },
    "ecr": ecr.OPERATIONS,
    "elbv2": elb.OPERATIONS,
    "sts": sts.OPERATIONS,
}
_QUERY_VERSIONS = {"2011-06-15": "sts", "2015-12-01": "elbv2"}
# What the query protocol calls the signature's errors.
_QUERY_CODES = {
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "UnknownOperationException": "InvalidAction",
    "ServerException": "InternalFailure",
}
log = logging.getLogger(__name__)


def application(context: Context, key: AccessKey) -> Starlette:
    endpoint = Endpoint(context, key)
    return Starlette(
        routes=[
            Route("/", endpoint.post, methods=["POST"]),
            Route("/_shipline/services", endpoint.services, methods=["GET"]),
        ]
    )


@dataclass
class Endpoint:
    context: Context
    key: AccessKey
    models: ServiceModels = field(default_factory=ServiceModels)

    async def services(self, request: Request) -> Response:
        """What `shipline status` tells. Nothing in it is secret."""
        return JSONResponse(overview(self.context))

    async def post(self, request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response("The request is too large.", 413)
        if "x-amz-target" in request.headers:
            return await self._json(request, body)
        return await self._query(request, body)

    async def _json(self, request: Request, body: bytes) -> Response:
        try:
            self._authenticate(request, body)
            service, name = aws_json.target(request.headers["x-amz-target"])
            model = self.models.operation(service, name)
            result = await self._call(service, name, aws_json.read(body, model))
            return self._answer(aws_json.write(result), aws_json.CONTENT_TYPE)
        except AwsError as error:
            return self._answer(aws_json.write_error(error), aws_json.CONTENT_TYPE, error.status)

    async def _query(self, request: Request, body: bytes) -> Response:
        request_id, namespace = self.context.new_id(), ""
        try:
            self._authenticate(request, body)
            form = _form(body)
            service = _QUERY_VERSIONS.get(form.get("Version", ""))
            if service is None:
                raise AwsError("UnknownOperationException", "No service of that version is served here.")
            namespace = self.models.service(service).metadata.get("xmlNamespace", "")
            name = form.get("Action", "")
            model = self.models.operation(service, name)
            result = await self._call(service, name, aws_query.read(form, model))
            return self._answer(aws_query.write(result, model, namespace, request_id), aws_query.CONTENT_TYPE)
        except AwsError as error:
            told = AwsError(_QUERY_CODES.get(error.code, error.code), error.message, error.status)
            content = aws_query.write_error(told, namespace, request_id)
            return self._answer(content, aws_query.CONTENT_TYPE, error.status)

    def _authenticate(self, request: Request, body: bytes) -> None:
        sigv4.verify(
            request.method,
            str(request.url),
            request.headers,
            body,
            secret_of=lambda key_id: self.key.secret if key_id == self.key.id else None,
            now=self.context.clock(),
        )

    async def _call(self, service: str, name: str, parameters: Parameters) -> Result:
        operation = OPERATIONS[service].get(name)
        if operation is None:
            log.warning("%s %s is not served here", service, name)
            raise AwsError(
                "UnknownOperationException", f"The local endpoint does not serve {name} of {service}."
            )
        try:
            return await operation(self.context, parameters)
        except AwsError:
            raise
        except EngineError as error:
            raise AwsError("ServerException", str(error), 500) from error
        except Exception as error:
            log.exception("%s %s failed", service, name)
            raise AwsError("ServerException", "Internal error; the endpoint's log says more.", 500) from error

    def _answer(self, content: bytes, content_type: str, status: int = 200) -> Response:
        headers = {"x-amzn-RequestId": self.context.new_id()}
        return Response(content, status, headers, media_type=content_type)


async def _body(request: Request) -> bytes | None:
    """None when it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
    return b"".join(parts)


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(
            parse_qsl(
                body.decode(), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=FIELD_LIMIT
            )
        )
    except ValueError as error:
        raise AwsError("ValidationError", "The body is not a form.") from error
