"""Operations on tags, for everything of ECS that has some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.protocols.aws_errors import AwsError

TAG_LIMIT = 50
Tags = tuple[dict[str, str], ...]


async def tag_resource(context: Context, parameters: Parameters) -> Result:
    given = {tag["key"]: tag for tag in parameters["tags"] if "key" in tag}

    def changed(tags: Tags) -> Tags:
        merged = {tag["key"]: tag for tag in tags} | given
        if len(merged) > TAG_LIMIT:
            raise AwsError("InvalidParameterException", f"More than {TAG_LIMIT} tags.")
        return tuple(merged.values())

    _change(context, parameters["resourceArn"], changed)
    return {}


async def untag_resource(context: Context, parameters: Parameters) -> Result:
    gone = parameters["tagKeys"]
    _change(
        context,
        parameters["resourceArn"],
        lambda tags: tuple(tag for tag in tags if tag["key"] not in gone),
    )
    return {}


async def list_tags_for_resource(context: Context, parameters: Parameters) -> Result:
    _, found = _find(context, parameters["resourceArn"])
    return {"tags": list(found.tags)}


def _change(context: Context, arn: str, change: Callable[[Tags], Tags]) -> None:
    table, found = _find(context, arn)
    table.put(arn, replace(found, tags=change(found.tags)))


def _find(context: Context, arn: str) -> tuple[Any, Any]:
    store = context.store
    for table in (store.clusters, store.services, store.task_definitions, store.tasks):
        found = table.get(arn)
        if found is not None:
            return table, found
    raise AwsError("InvalidParameterException", "The specified resource was not found.")


OPERATIONS: Operations = {
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
}
