"""STS: who am I?"""

from __future__ import annotations

from shipline.local_aws.context import Context, Operations, Parameters, Result


async def get_caller_identity(context: Context, parameters: Parameters) -> Result:
    account = context.arns.account
    return {"UserId": account, "Account": account, "Arn": f"arn:aws:iam::{account}:root"}


OPERATIONS: Operations = {"GetCallerIdentity": get_caller_identity}
