"""Connectors: a partner's bytes in, a `hub.drafts.Delivery` out. Parsers are pure; reading files and sockets happens elsewhere."""
