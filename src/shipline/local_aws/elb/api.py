"""Elastic Load Balancing's operations, as far as a service behind one listener per load balancer needs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from shipline.local_aws.context import Context, Operations, Parameters, Result
from shipline.local_aws.ecs.values import Health, Task, TaskStatus
from shipline.local_aws.elb.values import HealthCheck, Listener, LoadBalancer, TargetGroup
from shipline.protocols.aws_errors import AwsError

DNS_NAME = "127.0.0.1"
FIRST_PORT, LAST_PORT = 8000, 8999
_DELAY = "deregistration_delay.timeout_seconds"


async def create_load_balancer(context: Context, parameters: Parameters) -> Result:
    name = parameters["Name"]
    existing = next((one for one in context.store.load_balancers if one.name == name), None)
    if existing is None:
        arn = context.arns.load_balancer(name, context.new_id()[:16])
        existing = LoadBalancer(
            arn,
            name,
            parameters.get("Scheme", "internet-facing"),
            context.clock(),
            tuple(parameters.get("Subnets", ())),
        )
        context.store.load_balancers.put(arn, existing)
    return {"LoadBalancers": [_load_balancer(existing)]}


async def describe_load_balancers(context: Context, parameters: Parameters) -> Result:
    arns, names = parameters.get("LoadBalancerArns"), parameters.get("Names")
    found = [
        one
        for one in context.store.load_balancers
        if (not arns or one.arn in arns) and (not names or one.name in names)
    ]
    if len(found) < len(arns or names or ()):
        raise AwsError("LoadBalancerNotFound", "One or more load balancers not found")
    return {"LoadBalancers": [_load_balancer(one) for one in found]}


async def delete_load_balancer(context: Context, parameters: Parameters) -> Result:
    arn = parameters["LoadBalancerArn"]
    for listener in context.store.listeners:
        if listener.load_balancer == arn:
            context.store.listeners.delete(listener.arn)
    context.store.load_balancers.delete(arn)
    await reconfigure(context)
    return {}


async def create_target_group(context: Context, parameters: Parameters) -> Result:
    name = parameters["Name"]
    if any(one.name == name for one in context.store.target_groups):
        raise AwsError("DuplicateTargetGroupName", f"A target group with the name '{name}' already exists.")
    group = TargetGroup(
        arn=context.arns.target_group(name, context.new_id()[:16]),
        name=name,
        protocol=parameters.get("Protocol", "HTTP"),
        port=parameters.get("Port", 80),
        target_type=parameters.get("TargetType", "instance"),
        health_check=_changed(HealthCheck(), parameters),
    )
    if group.protocol != "HTTP":
        raise AwsError("ValidationError", "Only the protocol HTTP is served here.")
    context.store.target_groups.put(group.arn, group)
    return {"TargetGroups": [_target_group(context, group)]}


async def modify_target_group(context: Context, parameters: Parameters) -> Result:
    """Tasks that are started from now on are checked by the new rules."""
    group = find_target_group(context, parameters["TargetGroupArn"])
    changed = replace(group, health_check=_changed(group.health_check, parameters))
    context.store.target_groups.put(group.arn, changed)
    return {"TargetGroups": [_target_group(context, changed)]}


async def describe_target_groups(context: Context, parameters: Parameters) -> Result:
    arns, names = parameters.get("TargetGroupArns"), parameters.get("Names")
    balancer = parameters.get("LoadBalancerArn")
    used = {one.target_group for one in context.store.listeners if one.load_balancer == balancer}
    found = [
        one
        for one in context.store.target_groups
        if (not arns or one.arn in arns)
        and (not names or one.name in names)
        and (not balancer or one.arn in used)
    ]
    if len(found) < len(arns or names or ()):
        raise AwsError("TargetGroupNotFound", "One or more target groups not found")
    return {"TargetGroups": [_target_group(context, one) for one in found]}


async def delete_target_group(context: Context, parameters: Parameters) -> Result:
    group = find_target_group(context, parameters["TargetGroupArn"])
    if any(one.target_group == group.arn for one in context.store.listeners):
        raise AwsError("ResourceInUse", f"Target group '{group.arn}' is currently in use by a listener")
    context.store.target_groups.delete(group.arn)
    return {}


async def modify_target_group_attributes(context: Context, parameters: Parameters) -> Result:
    group = find_target_group(context, parameters["TargetGroupArn"])
    given = {one["Key"]: one.get("Value", "") for one in parameters["Attributes"]}
    delay = given.get(_DELAY, str(int(group.deregistration_delay)))
    if not delay.isdigit() or int(delay) > 3600:
        raise AwsError("InvalidConfigurationRequest", f"{_DELAY} must be from 0 to 3600, not {delay!r}.")
    changed = replace(
        group, deregistration_delay=float(delay), attributes={**group.attributes, **given, _DELAY: delay}
    )
    context.store.target_groups.put(group.arn, changed)
    return {"Attributes": _attributes(changed)}


async def describe_target_group_attributes(context: Context, parameters: Parameters) -> Result:
    return {"Attributes": _attributes(find_target_group(context, parameters["TargetGroupArn"]))}


async def describe_target_health(context: Context, parameters: Parameters) -> Result:
    group = find_target_group(context, parameters["TargetGroupArn"])
    return {
        "TargetHealthDescriptions": [
            {
                "Target": {"Id": address, "Port": port},
                "HealthCheckPort": str(port),
                "TargetHealth": _target_health(task),
            }
            for task, address, port in _tasks_of(context, group)
        ]
    }


async def create_listener(context: Context, parameters: Parameters) -> Result:
    balancer = parameters["LoadBalancerArn"]
    if context.store.load_balancers.get(balancer) is None:
        raise AwsError("LoadBalancerNotFound", f"Load balancer '{balancer}' not found")
    if parameters.get("Protocol", "HTTP") != "HTTP":
        raise AwsError("UnsupportedProtocol", "Only the protocol HTTP is served here.")
    port = parameters.get("Port", 80)
    if any(one.load_balancer == balancer and one.port == port for one in context.store.listeners):
        raise AwsError("DuplicateListener", f"A listener already exists on port {port}")
    group = find_target_group(context, _forward_to(parameters["DefaultActions"]))
    listener = Listener(
        arn=context.arns.listener(balancer, context.new_id()[:16]),
        load_balancer=balancer,
        protocol="HTTP",
        port=port,
        local_port=local_port(context, port),
        target_group=group.arn,
    )
    context.store.listeners.put(listener.arn, listener)
    await reconfigure(context)
    return {"Listeners": [_listener(listener)]}


async def describe_listeners(context: Context, parameters: Parameters) -> Result:
    arns, balancer = parameters.get("ListenerArns"), parameters.get("LoadBalancerArn")
    found = [
        one
        for one in context.store.listeners
        if (not arns or one.arn in arns) and (not balancer or one.load_balancer == balancer)
    ]
    if len(found) < len(arns or ()):
        raise AwsError("ListenerNotFound", "One or more listeners not found")
    return {"Listeners": [_listener(one) for one in found]}


async def delete_listener(context: Context, parameters: Parameters) -> Result:
    context.store.listeners.delete(parameters["ListenerArn"])
    await reconfigure(context)
    return {}


async def reconfigure(context: Context) -> None:
    await context.proxy.configure(context.store.listeners, context.store.target_groups)


def local_port(context: Context, wanted: int) -> int:
    """Where a listener for port `wanted` really listens: there, if it can, else on the next free port of a
    range of our own (a port below 1024 is not for everybody to open)."""
    taken = {one.local_port for one in context.store.listeners}
    first = (wanted,) if wanted >= 1024 else ()
    port: int
    for port in (*first, *range(FIRST_PORT, LAST_PORT + 1)):
        if port not in taken and context.is_free(port):
            return port
    raise AwsError("TooManyListeners", f"No port from {FIRST_PORT} to {LAST_PORT} is free on this machine.")


def find_target_group(context: Context, arn: str) -> TargetGroup:
    group = context.store.target_groups.get(arn)
    if group is None:
        raise AwsError("TargetGroupNotFound", f"Target group '{arn}' not found")
    return group


def _forward_to(actions: list[dict[str, Any]]) -> str:
    for action in actions:
        if action["Type"] == "forward":
            groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
            arn = action.get("TargetGroupArn") or (groups[0]["TargetGroupArn"] if len(groups) == 1 else "")
            if arn:
                return str(arn)
    raise AwsError("InvalidLoadBalancerAction", "A listener here forwards to exactly one target group.")


def _changed(check: HealthCheck, parameters: Parameters) -> HealthCheck:
    given = {
        "path": parameters.get("HealthCheckPath"),
        "interval": parameters.get("HealthCheckIntervalSeconds"),
        "timeout": parameters.get("HealthCheckTimeoutSeconds"),
        "healthy_threshold": parameters.get("HealthyThresholdCount"),
        "unhealthy_threshold": parameters.get("UnhealthyThresholdCount"),
        "codes": parameters.get("Matcher", {}).get("HttpCode"),
    }
    changed: HealthCheck = replace(check, **{key: value for key, value in given.items() if value is not None})
    if not changed.path.startswith("/"):
        raise AwsError("ValidationError", f"HealthCheckPath must begin with '/', not {changed.path[:60]!r}.")
    return changed


def _tasks_of(context: Context, group: TargetGroup) -> Iterator[tuple[Task, str, int]]:
    for service in context.store.services:
        for target in service.targets:
            if target.group != group.arn:
                continue
            for task in context.store.tasks:
                address = next((one.address for one in task.containers if one.address), "")
                if task.service == service.arn and task.last_status is not TaskStatus.STOPPED and address:
                    yield task, address, target.port


def _target_health(task: Task) -> Result:
    if not task.is_wanted:
        return {"State": "draining", "Reason": "Target.DeregistrationInProgress"}
    if task.target_health is Health.HEALTHY:
        return {"State": "healthy"}
    if task.target_health is Health.UNHEALTHY:
        return {
            "State": "unhealthy",
            "Reason": "Target.FailedHealthChecks",
            "Description": task.target_reason,
        }
    return {"State": "initial", "Reason": "Elb.InitialHealthChecking"}


def _load_balancer(balancer: LoadBalancer) -> Result:
    return {
        "LoadBalancerArn": balancer.arn,
        "DNSName": DNS_NAME,
        "CreatedTime": balancer.created_at,
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": "vpc-local",
        "State": {"Code": "active"},
        "Type": "application",
        "AvailabilityZones": [{"SubnetId": subnet} for subnet in balancer.subnets],
        "IpAddressType": "ipv4",
    }


def _target_group(context: Context, group: TargetGroup) -> Result:
    check = group.health_check
    return {
        "TargetGroupArn": group.arn,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": "vpc-local",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckEnabled": True,
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": int(check.interval),
        "HealthCheckTimeoutSeconds": int(check.timeout),
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        "Matcher": {"HttpCode": check.codes},
        "TargetType": group.target_type,
        "LoadBalancerArns": sorted(
            {one.load_balancer for one in context.store.listeners if one.target_group == group.arn}
        ),
    }


def _attributes(group: TargetGroup) -> list[Result]:
    told = {_DELAY: str(int(group.deregistration_delay)), **group.attributes}
    return [{"Key": key, "Value": value} for key, value in told.items()]


def _listener(listener: Listener) -> Result:
    return {
        "ListenerArn": listener.arn,
        "LoadBalancerArn": listener.load_balancer,
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": listener.target_group}],
    }


OPERATIONS: Operations = {
    "CreateLoadBalancer": create_load_balancer,
    "DescribeLoadBalancers": describe_load_balancers,
    "DeleteLoadBalancer": delete_load_balancer,
    "CreateTargetGroup": create_target_group,
    "ModifyTargetGroup": modify_target_group,
    "DescribeTargetGroups": describe_target_groups,
    "DeleteTargetGroup": delete_target_group,
    "ModifyTargetGroupAttributes": modify_target_group_attributes,
    "DescribeTargetGroupAttributes": describe_target_group_attributes,
    "DescribeTargetHealth": describe_target_health,
    "CreateListener": create_listener,
    "DescribeListeners": describe_listeners,
    "DeleteListener": delete_listener,
}
