"""The shared client register: identifiers, and which of them stand for one person."""
