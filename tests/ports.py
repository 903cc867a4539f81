"""Ports that no other test gets, of whichever process: what listens there may be ended and started again."""

from __future__ import annotations

import random
import socket

# Below those that the kernel gives to whoever asks for any, and to outgoing connections: between the moment
# that a test chooses a port and the one that its server listens, nobody else comes by it.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """One for the rest of this process's life, on loopback and on all other addresses."""
    for port in random.sample(PORTS, len(PORTS)):
        if _is_ours(port) and _is_free(port):
            return port
    raise AssertionError(f"None of the ports {PORTS.start} to {PORTS.stop - 1} is free.")


def _is_ours(port: int) -> bool:
    """Holds the port's name among all processes of this machine; the kernel lets go of it when this one ends."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0shipline-tests-port-{port}")
    except OSError:
        name.close()
        return False
    name.detach()
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
