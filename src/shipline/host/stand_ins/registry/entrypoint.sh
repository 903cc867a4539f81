#!/bin/sh
set -e
case "$1" in
    *.yaml | *.yml) set -- docker-registry serve "$@" ;;
    serve | garbage-collect | help | -*) set -- docker-registry "$@" ;;
esac
exec "$@"
