#!/bin/sh
# Options alone mean haproxy; in the foreground, with a master that can be told to reload.
set -e
case "$1" in -*) set -- haproxy "$@" ;; esac
if [ "$1" = haproxy ]; then
    shift
    set -- haproxy -W -db "$@"
fi
exec "$@"
