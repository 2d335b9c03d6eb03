#!/bin/sh
# copy_server.sh - a copy of a PostgreSQL installation, to install extensions into.
#
#	sh tools/copy_server.sh DIR		copies that of PG_CONFIG, prints the copy's pg_config
#
# PostgreSQL's programs find what belongs to them from where they are, so each folder
# keeps its place relative to the others.
set -eu

copy=$1
original=/usr/lib/postgresql/15/bin/pg_config
[ -x "$original" ] || original=pg_config
original=${PG_CONFIG:-$original}
for kind in bindir pkglibdir sharedir includedir-server; do
	folder=$("$original" --$kind)
	mkdir -p "$copy$folder"
	cp -r "$folder/." "$copy$folder"
done
chmod -R a+rX "$copy"
echo "$copy$("$original" --bindir)/pg_config"
