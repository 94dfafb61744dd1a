#!/bin/bash
# Makes a database for each service, owned by a role of its own; no other role may connect to it. PostgreSQL's image runs this
# once, when it makes the server's data directory.
set -eu
for service in book payment ticket point mypage; do
    password=${service^^}_PASSWORD
    psql --set ON_ERROR_STOP=1 --set service="$service" --set password="${!password}" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
