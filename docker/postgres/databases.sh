#!/bin/bash
# A database for each service, owned by a role of its own; nobody else may connect to it. Run by the image of PostgreSQL,
# once, when the server's data directory is made.
set -eu
for service in book payment ticket point mypage; do
    psql --set ON_ERROR_STOP=1 --set service="$service" --set password="$SERVICE_PASSWORD" --username "$POSTGRES_USER" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
