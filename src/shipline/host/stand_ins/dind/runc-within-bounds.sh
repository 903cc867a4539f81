#!/bin/sh
# runc for most calls at once; a look at the capabilities only where a container or process is made.
# The paths between @ signs are filled in when this file is written out.
for word in "$@"; do
    case "$word" in
        create | run | exec) exec @PYTHON@ -IS @TRIM@ @RUNC@ "$@" ;;
        state | start | delete | kill | events | list | ps | pause | resume | update | features) break ;;
    esac
done
exec @RUNC@ "$@"
