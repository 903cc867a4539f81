"""Gets a job's images by their pull policies, with the credentials that fit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiodocker

from shipline.engine.images import Credentials, PulledImage, find_image, pull_image
from shipline.errors import EngineError, EngineUnavailable, ImagePullFailed
from shipline.protocols.image_reference import parse_image_reference
from shipline.runner.executor.credentials import Source, ask_program, find
from shipline.runner.executor.spec import ContainerSpec
from shipline.runner.failure import is_unreachable

TRIES = 3
PAUSE_SECONDS = (2.0, 10.0)


def _pause() -> float:
    return random.uniform(*PAUSE_SECONDS)  # noqa: S311 - so that many jobs do not come back at once


@dataclass
class Images:
    """`aliases` as in engine.images. `pause` gives the seconds before another try."""

    docker: aiodocker.Docker
    sources: Sequence[Source]
    aliases: Mapping[str, str]
    say: Callable[[str], None]
    pause: Callable[[], float] = _pause

    async def get(self, spec: ContainerSpec, *, quiet: bool = False) -> PulledImage:
        """The container's image by its pull policies, each tried in turn. Raises EngineError."""
        if not quiet:
            policies = " ".join(spec.pull_policies)
            self.say(f"Using effective pull policy of [{policies}] for container {spec.image}")
        failure: EngineError | None = None
        for policy in spec.pull_policies:
            if policy != "always":
                found = await find_image(self.docker, spec.image, self.aliases)
                if found is not None and fits(found.platform, spec.platform):
                    self._found(spec, found, quiet)
                    return found
                if policy == "never":
                    failure = EngineError(f"image {spec.image} is not there, and its pull policy is never")
                    continue
            try:
                found = await self._pull(spec)
            except EngineUnavailable:
                raise
            except EngineError as error:
                failure = error
            else:
                self._found(spec, found, quiet)
                return found
        if "if-not-present" not in spec.pull_policies:
            await self._offer_what_is_there(spec)
        raise failure or EngineError(f"image {spec.image} has no pull policy")

    async def _offer_what_is_there(self, spec: ContainerSpec) -> None:
        """An image that was built or loaded here cannot be pulled; somebody may have meant it."""
        found = await find_image(self.docker, spec.image, self.aliases)
        if found is not None and fits(found.platform, spec.platform):
            self.say(
                f"Image {spec.image} is on the runner's machine. To use it when it cannot be pulled, write "
                'pull_policy = "if-not-present" under [runners.docker] in the runner\'s config.'
            )

    def _found(self, spec: ContainerSpec, image: PulledImage, quiet: bool) -> None:
        if not quiet:
            digest = f" with digest {image.digest}" if image.digest else ""
            self.say(f"Using docker image {image.id} for {spec.image}{digest} ...")

    async def _pull(self, spec: ContainerSpec) -> PulledImage:
        """Where the network fails, some times."""
        credentials = await self._credentials(spec.image)
        for attempt in range(1, TRIES + 1):
            self.say(f"Pulling docker image {spec.image} ...")
            try:
                return await pull_image(
                    self.docker,
                    spec.image,
                    aliases=self.aliases,
                    credentials=credentials,
                    platform=spec.platform,
                )
            except ImagePullFailed as error:
                if attempt == TRIES or not is_unreachable(str(error)):
                    raise
                self.say(f"WARNING: {error}; trying again")
            await asyncio.sleep(self.pause())
        raise AssertionError("the last try returns or raises")

    async def _credentials(self, image: str) -> Credentials | None:
        found = await find(parse_image_reference(image), self.sources, ask_program)
        if found is None:
            return None
        self.say(f"Authenticating with credentials from {found[1]}")
        return found[0]


def fits(there: str, wanted: str) -> bool:
    """Whether an image's platform is the one that is asked for; variants such as `/v8` are not known of it."""
    return (
        not wanted or there.split("/")[:2] == (wanted if "/" in wanted else f"linux/{wanted}").split("/")[:2]
    )
