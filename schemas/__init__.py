"""Avro schemas, one file each, ``<name>.v<version>.avsc``. A published file is never edited: a change is a new version."""
