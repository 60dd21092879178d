"""The database's schema, as ordered migrations (Alembic). Tables derived from topics are no part of it: see `hub/timeline/build.sql`."""
