"""Waits until services answer."""

import socket
import time


def wait(asked):
    """seconds, services: a list of lists of [host, port]; of each service one port must answer.

    0 when each service answers; else 1, with the first host of those that do not on stdout.
    """
    deadline = time.monotonic() + asked["seconds"]
    waiting = asked["services"]
    while waiting and time.monotonic() < deadline:
        waiting = [one for one in waiting if not any(answers(*at) for at in one)]
        if waiting:
            time.sleep(0.05)
    for one in waiting:
        print(one[0][0])
    return 1 if waiting else 0


def answers(host, port):
    try:
        with socket.create_connection((host, port), 1):
            return True
    except OSError:
        return False
