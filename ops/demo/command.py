"""``silta demo``: everything started, played through, told, and stopped again."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from hub.settings import state_folder
from ops import stack
from ops.demo.children import PROCESSES, Children, stop_remembered
from ops.demo.partners import Api, make_credentials
from ops.demo.run import Findings, run
from ops.demo.surroundings import Surroundings, homes, local_home, prepare
from ops.demo.telling import tell
from ops.stack.processes import locked

__all__ = ["app"]

_WIDTH = 100

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    *,
    koski: Annotated[
        Path | None, typer.Option("--koski", metavar="DIR", help="Koski documents to send as OSAO's too; half give consent.")
    ] = None,
    clients: Annotated[int, typer.Option("--clients", min=1, max=5000, help="How many invented clients.")] = 150,
    seed: Annotated[int, typer.Option("--seed", help="Other invented clients.")] = 2021,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running; prints addresses and credentials.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop what --keep left running, and do nothing else.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")] = False,
) -> None:
    """Start the whole hub on this machine and play a year of invented clients through it.

    Its home is <SILTA_HOME>/demo, with servers of its own: erased when the next demo starts, and nothing else is.
    With SILTA_KAFKA_BOOTSTRAP, SILTA_REGISTRY_URL and SILTA_DATABASE_URL it uses these servers (the database must be empty) and erases nothing.
    Ends with code 0 only if every count was as expected.
    """
    console = Console(stderr=as_json, highlight=False, quiet=as_json)
    if not console.is_terminal:
        console = Console(stderr=as_json, highlight=False, quiet=as_json, width=_WIDTH)
    with locked(state_folder() / "demo.lock", seconds=0):
        stopped = sum(stop_remembered(home, kept_too=stop) for home in homes())
        if stop:
            stack.down(local_home(), console.print)
            console.print(f"{stopped} processes and the demo's servers are stopped")
            return
        _play(console, koski=koski, clients=clients, seed=seed, keep=keep, as_json=as_json)


def _play(console: Console, *, koski: Path | None, clients: int, seed: int, keep: bool, as_json: bool) -> None:
    began = time.monotonic()

    def progress(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {line}", soft_wrap=True)

    with _ended_in_order():
        around = prepare(progress)
        children = Children(around.home, around.environment)
        kept = False
        try:
            progress(f"servers: {around.where}")
            api, ready_after = _start(around, children, progress)
            findings = run(around.settings, children, api, clients=clients, seed=seed, koski=koski, progress=progress)
            api.close()
            times = _times(around, ready_after, time.monotonic() - began)
            if as_json:
                sys.stdout.write(json.dumps(_as_json(findings, around, times), ensure_ascii=False) + "\n")
            else:
                tell(console, findings)
                if keep:
                    _tell_kept(console, around, api)
                parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items())
                console.print(f"\n[bold green]all as expected[/]  {parts}")
            children.remember(kept=keep)
            kept = keep
        finally:
            if not kept:
                children.stop()
                around.end(lambda _line: None)


def _start(around: Surroundings, children: Children, progress: Callable[[str], None]) -> tuple[Api, float]:
    """All processes, ready; and how long that took."""
    began = time.monotonic()
    for name in PROCESSES:
        children.start(name)
    said = {name: children.await_ready(name) for name in PROCESSES}
    took = time.monotonic() - began
    progress(f"processes: {', '.join(PROCESSES)} ready after {took:.1f} s; API at {said['api']['address']}")
    return Api(said["api"]["address"], make_credentials(around.settings)), took


def _times(around: Surroundings, processes: float, total: float) -> dict[str, float]:
    started = around.start_seconds + processes
    run_seconds = total - started - around.download_seconds
    return {"download": around.download_seconds, "start": started, "run": run_seconds}


def _as_json(findings: Findings, around: Surroundings, times: dict[str, float]) -> dict[str, Any]:
    files: Counter[str] = Counter(sending.partner for _, sending, _ in findings.outcomes)
    waves = sorted({wave for wave, _, _ in findings.outcomes})
    return {
        "clients": findings.clients,
        "topic_prefix": around.settings.topic_prefix,
        "answers": dict(findings.answers),
        "files": dict(files),
        "waves": {str(wave): {count: findings.total(count, [wave]) for count in ("admitted", "unchanged", "denied")} for wave in waves},
        "repeats": sum(bool(outcome["repeat"]) for _, _, outcome in findings.outcomes),
        "events": findings.entries,
        "errors": {partner: sorted([error["pointer"], error["code"]] for error in errors) for partner, errors in findings.errors.items()},
        "views": {
            view.partner: {"purpose": view.purpose, "before": len(view.entries), "after": len(after.entries)}
            for view, after in zip(findings.before, findings.after, strict=True)
        },
        "reads": len(findings.reads),
        "digest": findings.digest,
        "seconds": {name: round(seconds, 1) for name, seconds in times.items()},
    }


def _tell_kept(console: Console, around: Surroundings, api: Api) -> None:
    console.print("\n[bold]left running[/]")
    console.print(f"API      {api.address}  (Authorization: Bearer <secret>)", soft_wrap=True)
    for who, secret in api.secrets.items():
        console.print(f"secret   {who:22} {secret}", soft_wrap=True)
    console.print(f"folders  {around.settings.drops}\nlogs     {around.home / 'log'}\nstop     silta demo --stop", soft_wrap=True)


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does, and a second one does not disturb the stopping."""

    def end(number: int, _frame: object) -> NoReturn:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
