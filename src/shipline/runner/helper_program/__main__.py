"""What the helper does for a job besides git: waits for services, packs, sends, fetches and unpacks files.

Standard library only: it is put into the helper container when a job begins, and run as `python3 FOLDER VERB`.
What is asked of it comes as one line of JSON on stdin, so that neither tokens nor addresses that are signed
stand in a list of processes. `umask` may be among it, for what is made. The verbs' modules say what they read; the exit code is 0 where the job may go on.
"""

import importlib
import json
import os
import sys

VERBS = {
    "wait": "waiting",
    "upload": "artifacts",
    "download": "artifacts",
    "cache_extract": "caches",
    "cache_archive": "caches",
}


def main():
    verb = sys.argv[1]
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    asked = json.loads(sys.stdin.readline())
    if "umask" in asked:
        os.umask(asked["umask"])
    sys.exit(getattr(importlib.import_module("shipline_helper." + VERBS[verb]), verb)(asked))


if __name__ == "__main__":
    main()
