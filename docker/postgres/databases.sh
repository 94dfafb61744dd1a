#!/bin/bash
# Creates a database for each service, owned by its own role; no other role may connect to it. PostgreSQL's image runs this once,
# when it creates the server's data directory. Existing roles are unchanged, so it can run again for a service that is added later.
set -eu
for service in book payment processor ticket point mypage; do
    known=$(psql --tuples-only --no-align --username "$POSTGRES_USER" --command "SELECT 1 FROM pg_roles WHERE rolname = '$service'")
    [ -z "$known" ] || continue
    password=${service^^}_PASSWORD
    psql --set ON_ERROR_STOP=1 --set service="$service" --set password="${!password}" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
