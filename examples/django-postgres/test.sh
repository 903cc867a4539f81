#!/bin/sh
# The test suite, against PostgreSQL: the one that DATABASE_URL names, else one of the test image's own.
set -e
if [ -z "$DATABASE_URL" ]; then
    echo "Starting PostgreSQL"
    pg_ctlcluster 15 main start
    until pg_isready --quiet; do sleep 0.2; done
    su postgres -c "psql --quiet --command \"CREATE ROLE app CREATEDB LOGIN PASSWORD 'only-for-tests'\""
    export DATABASE_URL=postgres://app:only-for-tests@127.0.0.1:5432/app
fi
python manage.py makemigrations --check --dry-run
python manage.py test --verbosity 2
