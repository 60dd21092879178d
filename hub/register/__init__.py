"""The shared client register: who a record is about, found by identifiers that are stored sealed."""
