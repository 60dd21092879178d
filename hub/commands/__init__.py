"""The command line's commands, one module a subject. `hub.cli` names them and imports each only when it runs."""
