#!/bin/bash
# Makes a database for each service, owned by a role of its own; no other role may connect to it. PostgreSQL's image runs this
# once, when it makes the server's data directory. What is there stays as it is, so for a service that came later it may run again.
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
