"""An OCI runtime in front of runc: asks for no capability that this machine does not have.

A machine may hold fewer capabilities than "privileged" asks for; runc then refuses the container. This drops
from the container's (or the exec'd process's) sets what /proc/self/status does not list as CapBnd, and becomes
runc. Called as `python3 -IS runc_within_bounds.py RUNC ARGUMENTS...`, for create, run and exec only.
"""

import json
import os
import sys

NAMES = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
]


def within(bounds, process):
    """`process` of an OCI configuration, without the capabilities that the bit set `bounds` lacks."""
    allowed = {"CAP_" + name for bit, name in enumerate(NAMES) if bounds >> bit & 1}
    sets = process.get("capabilities") or {}
    trimmed = {kind: [name for name in names if name in allowed] for kind, names in sets.items()}
    return {**process, "capabilities": trimmed} if sets else process


def bounding_set(status):
    """The CapBnd line of /proc/self/status as a number."""
    for line in status.splitlines():
        if line.startswith("CapBnd:"):
            return int(line.split()[1], 16)
    raise ValueError("no CapBnd line")


def option(arguments, long, short):
    """The value of `--long V`, `--long=V` or `-s V`, or None."""
    for position, word in enumerate(arguments):
        if word in (long, short):
            return arguments[position + 1] if position + 1 < len(arguments) else None
        if word.startswith(long + "="):
            return word[len(long) + 1 :]
    return None


def main():
    runc, arguments = sys.argv[1], sys.argv[2:]
    with open("/proc/self/status") as file:
        bounds = bounding_set(file.read())
    if "exec" in arguments:
        path = option(arguments, "--process", "-p")
    else:
        path = os.path.join(option(arguments, "--bundle", "-b") or ".", "config.json")
    if path and os.path.exists(path):
        with open(path) as file:
            document = json.load(file)
        if "exec" in arguments:
            document = within(bounds, document)
        else:
            document["process"] = within(bounds, document["process"])
        with open(path, "w") as file:
            json.dump(document, file)
    os.execv(runc, [runc, *arguments])


if __name__ == "__main__":
    main()
