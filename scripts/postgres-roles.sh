#!/bin/sh
# Run once by the postgres image, as the database's owner: the role that bridge and webapp work as.
# What it may do, `python -m launch migrate` grants table by table; it can't change the schema.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$POSTGRES_APP_PASSWORD" \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE noctis_app LOGIN PASSWORD :'password';
SQL
