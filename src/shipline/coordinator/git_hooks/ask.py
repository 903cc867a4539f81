"""A git hook's question to the coordinator, which has started the git that runs the hook.

Standard library only, and little of it: this runs in every push. It is asked over loopback with a token that
is good for this one push.
"""

import json
import os
import socket
import sys

SECONDS = 120
KEPT = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH")


def question(hook):
    updates = [line.rstrip("\n").split(" ", 2) for line in sys.stdin]
    count = int(os.environ.get("GIT_PUSH_OPTION_COUNT", "0"))
    return {
        "updates": updates,
        "options": [os.environ.get(f"GIT_PUSH_OPTION_{number}", "") for number in range(count)],
        "environment": {name: os.environ[name] for name in KEPT if name in os.environ},
    }


def ask(hook):
    host, port = os.environ["SHIPLINE_HOOK_ADDRESS"].rsplit(":", 1)
    body = json.dumps(question(hook)).encode()
    head = (
        f"POST /-/internal/hooks/{hook} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"X-Hook-Token: {os.environ['SHIPLINE_HOOK_TOKEN']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), SECONDS) as connection:
        connection.sendall(head.encode() + body)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, content = answer.partition(b"\r\n\r\n")
    status = head.decode("latin-1").split(" ", 2)[1:2]
    if status not in ([], ["200"]):
        raise OSError(f"the coordinator answered {status[0]}")
    try:
        return json.loads(content)
    except ValueError:
        raise OSError("the coordinator went away before it had answered: push again") from None


def wait_for(pipelines):
    """Print what happens in the pipelines, until the coordinator says no more. Whatever goes wrong here, the
    push is done and the pipelines run."""
    import http.client

    connection = http.client.HTTPConnection(os.environ["SHIPLINE_HOOK_ADDRESS"], timeout=SECONDS)
    headers = {"Content-Type": "application/json", "X-Hook-Token": os.environ["SHIPLINE_HOOK_TOKEN"]}
    try:
        connection.request("POST", "/-/internal/hooks/wait", json.dumps({"pipelines": pipelines}), headers)
        for line in connection.getresponse():
            if not line.startswith(b"\0"):
                print(line.decode(errors="replace").rstrip("\n"), flush=True)
    except (OSError, http.client.HTTPException) as error:
        print(
            f"shipline: {error or type(error).__name__}: the pipeline goes on, nobody waits", file=sys.stderr
        )


def main():
    hook = sys.argv[1]
    try:
        answer = ask(hook)
    except (OSError, ValueError) as error:
        print(f"shipline: {hook}: {error}", file=sys.stderr)
        sys.exit(1)
    for line in answer["lines"]:
        print(line, flush=True)
    if answer.get("waits_for"):
        wait_for(answer["waits_for"])
    sys.exit(0 if answer["allow"] else 1)


if __name__ == "__main__":
    main()
