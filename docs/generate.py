"""The reference pages, made from the code each time the site is built, so that they can't fall behind it. A hook of MkDocs."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.main import get_command

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from consent.model import ConsentCode, Reason, State  # noqa: E402
from consent.networks import ROLES, load_network  # noqa: E402
from consent.records import TRANSITIONS  # noqa: E402
from consent.unfinished import unfinished  # noqa: E402
from hub import cli, codec, networks  # noqa: E402
from hub.connectors.catalogue import FORMATS, read_sources  # noqa: E402
from hub.connectors.city_kinds import KINDS  # noqa: E402
from hub.delivery.api import create_app  # noqa: E402
from hub.settings import Settings  # noqa: E402
from hub.topics import TOPICS  # noqa: E402

_MADE = "<!-- made by docs/generate.py from the code: change that -->\n"
_FAULT_MAKERS = {"Fault", "Problem", "_refused", "refuse", "fault", "add"}
"""Functions whose arguments are a pointer or column, a reason code, and a remedy."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """MkDocs' event: add the pages."""
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}", content=_MADE + text))
    return files


def pages() -> dict[str, str]:
    """Name and Markdown of every page of the reference."""
    return {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "api.md": api_page(),
        "topics.md": topics_page(),
        "schemas.md": schemas_page(),
        "network.md": network_page(),
        "city-csv.md": city_page(),
        "codes.md": codes_page(),
    }


def settings_page() -> str:
    """Every field of the settings."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "**required**" if field.is_required() else _default(field.default)
        allowed = (
            ", ".join(f"`{value}`" for value in get_args(field.annotation)) if str(field.annotation).startswith("typing.Literal") else ""
        )
        rows.append((f"`SILTA_{name.upper()}`", default, "; ".join(filter(None, (field.description, allowed)))))
    intro = (
        "Every setting is an environment variable. What `silta up` wrote comes next, then the default. `silta config` shows what is in force.\n\n"
        "`SILTA_HOME` is by default the folder `.silta` where the command is run.\n\n"
    )
    return "# Settings\n\n" + intro + _table(("variable", "default", "meaning"), rows)


def commands_page() -> str:
    """What every command is for, with its arguments and options."""
    parts = ["# Commands\n"]
    for words, command in commands().items():
        arguments = [f"<{each.name}>" for each in command.params if each.param_type_name == "argument"]
        usage = " ".join(("silta", words, *arguments, *(["[options]"] if len(command.params) > len(arguments) else [])))
        parts.append(f"## silta {words}\n\n```text\n{usage}\n```\n\n{(command.help or '').strip()}\n")
        if command.params:
            parts.append(_table(("argument or option", "meaning", "default"), [_parameter(each) for each in command.params]))
    return "\n".join(parts)


def _parameter(parameter: click.Parameter) -> tuple[str, str, str]:
    words = f"<{parameter.name}>" if parameter.param_type_name == "argument" else ", ".join(parameter.opts)
    default = parameter.default
    shown = "" if default in (None, False, "") or callable(default) or "UNSET" in repr(default) else f"`{default}`"
    return f"`{words}`", getattr(parameter, "help", None) or "", "**required**" if parameter.required else shown


def commands() -> dict[str, click.Command]:
    """Every command by its words after ``silta``, those of a group each for itself."""
    root: Any = get_command(cli.app)
    found: dict[str, click.Command] = {}
    for name in cli.COMMANDS:
        _, command, _ = root.resolve_command(click.Context(root), [name])
        under = getattr(command, "commands", None)
        found |= {name: command} if under is None else {f"{name} {word}": each for word, each in under.items()}
    return found


def api_page() -> str:
    """The routes of the OpenAPI document, and what their bodies hold."""
    document = openapi()
    parts = [
        "# HTTP interface\n",
        "The running API serves the same as an OpenAPI document at `/openapi.json`. Partners and auditors send `Authorization: Bearer <secret>`.\n",
        "Errors are problem details (RFC 9457). They have `type`, `title`, `status`, `at_fault` (`sender` or `hub`) and `detail`.\n",
        "`errors` holds `pointer`, `code` and `remedy` of each fault.\n",
    ]
    for path, methods in document["paths"].items():
        parts += [_route(path, method, operation) for method, operation in methods.items()]
    parts.append("## Bodies\n")
    for name, schema in document["components"]["schemas"].items():
        if name not in {"HTTPValidationError", "ValidationError"}:
            parts.append(_body(name, schema))
    return "\n".join(parts)


def openapi() -> dict[str, Any]:
    """The API's own description; no server is needed for it."""
    name = Settings.model_fields["network"].default
    app = create_app(SimpleNamespace(settings=SimpleNamespace(network=name), network=load_network(networks.find(name), demo=True)))  # type: ignore[arg-type]
    return app.openapi()


def topics_page() -> str:
    """The table of topics."""
    rows = [
        (
            f"`{topic.name}`",
            f"[`{topic.schema}`](schemas.md#{_anchor(topic.schema)})",
            topic.key,
            str(topic.partitions or "`SILTA_KAFKA_PARTITIONS`"),
            "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // 86_400_000} days",
        )
        for topic in TOPICS
    ]
    intro = "Never compacted. `SILTA_TOPIC_PREFIX` is put before each name. Values are Avro in the Confluent wire format.\n\n"
    return "# Topics\n\n" + intro + _table(("topic", "schema of the value", "key", "partitions", "kept"), rows)


def schemas_page() -> str:
    """Every Avro schema, with its documentation and fields."""
    parts = [
        "# Avro schemas\n",
        "A published file is never edited: changes are new versions, compatible both ways with all earlier ones.\n",
    ]
    for name in codec.schema_names():
        schema = json.loads(codec.schema_text(name))
        fields = [(f"`{field['name']}`", _avro_type(field["type"]), field.get("doc", "")) for field in schema.get("fields", [])]
        parts.append(f"## {name}\n\n{schema.get('doc', '')}\n\n{_table(('field', 'type', 'meaning'), fields)}")
    return "\n".join(parts)


def network_page() -> str:
    """The networks that come with Silta: who may give what to whom, and what each still lacks."""
    parts = ["# Networks\n", f"Roles that an organisation may hold: {', '.join(f'`{role}`' for role in sorted(ROLES))}.\n"]
    for name in networks.names():
        network = load_network(networks.find(name), demo=True)
        parts.append(f"## {name}\n\n{network.name}. Version in demo mode: `{network.version}`.\n")
        organisations = [
            (f"`{each.id}`", each.name, ", ".join(sorted(each.roles)), _assumed(each.assumed)) for each in network.organisations.values()
        ]
        parts.append("### Organisations\n\n" + _table(("id", "name", "roles", ""), organisations))
        parts.append("### Purposes\n\n" + _table(("id", "title"), [(f"`{key}`", title) for key, title in network.titles.items()]))
        agreements = []
        for agreement in network.agreements:
            named = getattr(agreement.basis, "statutes", None) or sorted(agreement.basis.codes)  # type: ignore[union-attr]
            kind = "statute" if hasattr(agreement.basis, "statutes") else "consent"
            agreements.append(
                (
                    f"`{agreement.id}`",
                    agreement.sender,
                    agreement.recipient,
                    ", ".join(sorted(agreement.categories)),
                    ", ".join(sorted(agreement.purposes)),
                    f"{kind}: {', '.join(named)}",
                    str(agreement.in_force_from),
                    _assumed(agreement.assumed),
                )
            )
        heading = ("id", "sender", "recipient", "categories", "purposes", "basis", "in force from", "")
        parts.append("### Agreements\n\n" + _table(heading, agreements))
        statutes = [
            (f"`{each.id}`", f"{each.act} {each.section}", str(each.in_force_from), each.reviewed_by or "nobody")
            for each in network.statutes.values()
        ]
        parts.append("### Statutes\n\n" + _table(("id", "section", "in force from", "reviewed by"), statutes))
        sources = [(f"`{each.id}`", each.partner, each.format, each.suffix) for each in read_sources(networks.find(name), network).values()]
        parts.append("### Sources\n\n" + _table(("id", "partner", "format", "files"), sources))
        missing = "\n".join(f"- {sentence}" for sentence in unfinished(network))
        parts.append(f"### Missing before it may run outside demo mode\n\n{missing}\n")
    return "\n".join(parts)


def city_page() -> str:
    """The kinds of the city's CSV files."""
    rows = [
        (
            f"`{kind.type}`",
            kind.category,
            ", ".join(f"`{name}`" for name in sorted(kind.needed)),
            ", ".join(f"`{name}`" for name in sorted(kind.own - kind.needed)),
        )
        for kind in KINDS
    ]
    intro = (
        f"Formats of sources: {', '.join(f'`{name}`' for name in FORMATS)}. "
        "Every kind of `city-csv` also has `id`, `henkilötunnus`, `asiakasnumero` and `tila`. "
        "How to write them stands in the [guide for partner systems](../guides/partners.md#the-citys-csv-files).\n\n"
    )
    return "# The city's CSV files\n\n" + intro + _table(("kind", "data category", "columns needed", "other columns"), rows)


def codes_page() -> str:
    """Reason codes: of decisions, of consent, of faults."""
    codes = _docstrings(ROOT / "consent" / "model.py")
    reasons = [(f"`{each.value}`", codes.get(("Reason", each.name), "")) for each in Reason]
    lifted = [(f"`{each.value}`", codes.get(("ConsentCode", each.name), "")) for each in ConsentCode]
    states = [(f"`{each.value}`", ", ".join(sorted(after.value for after in TRANSITIONS[each])) or "nothing") for each in State]
    faults = [(f"`{code}`", "<br>".join(sorted(remedies))) for code, remedies in sorted(fault_codes().items())]
    return "\n".join(
        (
            "# Codes\n",
            "## Reasons of a decision\n",
            _table(("code", "meaning"), reasons),
            "## Consent codes\n",
            _table(("code", "meaning"), lifted),
            "## States of a consent record\n",
            _table(("state", "what may follow"), states),
            "## Faults\n",
            "What an answer, an outcome file or an error list can hold, with what to do. The value itself is never repeated.\n",
            _table(("code", "what to do"), faults),
        )
    )


def fault_codes() -> dict[str, set[str]]:
    """Codes of faults and what is said to each, gathered from the source: the second argument of whatever makes one."""
    found: dict[str, set[str]] = {}
    for path in sorted([*ROOT.glob("hub/**/*.py"), *ROOT.glob("consent/**/*.py")]):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node.func) in _FAULT_MAKERS and len(node.args) == 3:  # noqa: PLR2004 - pointer, code, remedy
                for code in _codes(node.args[1], constants):
                    found.setdefault(code, set()).add(_text(node.args[2]))
    return found


def _codes(value: ast.expr, constants: Mapping[str, ast.expr]) -> Iterator[str]:
    if isinstance(value, ast.Name):
        value = constants.get(value.id, value)
    parts = [value] if isinstance(value, ast.Constant) else [value.body, value.orelse] if isinstance(value, ast.IfExp) else []
    for part in parts:
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.replace("_", "").isalnum():
            yield part.value
        elif isinstance(part, ast.IfExp):
            yield from _codes(part, constants)


def _called(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _text(value: ast.expr) -> str:
    if isinstance(value, ast.Constant):
        return str(value.value)
    if isinstance(value, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in value.values)
    return "see the answer"


def _docstrings(path: Path) -> dict[tuple[str, str], str]:
    """The sentence that stands under each member of the module's enums."""
    found = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            for member, after in zip(node.body, node.body[1:], strict=False):
                if isinstance(member, ast.Assign) and isinstance(after, ast.Expr) and isinstance(member.targets[0], ast.Name):
                    found[node.name, member.targets[0].id] = _text(after.value)
    return found


def _route(path: str, method: str, operation: Mapping[str, Any]) -> str:
    lines = [f"## {method.upper()} {path}\n", operation.get("description", "") + "\n"]
    headers = [(f"`{each['name']}`", each["in"], each.get("description", "")) for each in operation.get("parameters", [])]
    if headers:
        lines.append(_table(("parameter", "in", "meaning"), headers))
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        lines.append(f"Body: `{media}` {_named(content.get('schema', {}))}\n")
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            lines.append(f"Answer {status}: {_named(schema) or 'JSON'}\n")
    return "\n".join(lines)


def _body(name: str, schema: Mapping[str, Any]) -> str:
    needed = set(schema.get("required", []))
    rows = [
        (f"`{key}`", _named(value), "yes" if key in needed else "", value.get("description", ""))
        for key, value in schema.get("properties", {}).items()
    ]
    return f"### {name}\n\n{schema.get('description', '')}\n\n{_table(('member', 'type', 'required', 'meaning'), rows)}"


def _named(schema: Mapping[str, Any]) -> str:
    """A JSON Schema's type in a few words, with a link to a body."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_named(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {_named(schema['items'])}"
    return " ".join(str(schema[key]) for key in ("type", "format") if key in schema)


def _avro_type(kind: Any) -> str:
    if isinstance(kind, list):
        return " or ".join(_avro_type(each) for each in kind)
    if not isinstance(kind, dict):
        return str(kind).rsplit(".", 1)[-1]
    match kind["type"]:
        case "array":
            return f"array of {_avro_type(kind['items'])}"
        case "enum":
            return ", ".join(f"`{symbol}`" for symbol in kind["symbols"])
        case "record":
            return f"record {kind['name']}"
        case plain:
            return str(kind.get("logicalType") or (f"fixed({kind['size']})" if plain == "fixed" else plain))


def _default(value: object) -> str:
    return "" if value is None or value == "" or repr(value) == "PydanticUndefined" else f"`{value}`"


def _assumed(assumed: bool) -> str:  # noqa: FBT001 - a column
    return "assumption" if assumed else "fact"


def _anchor(heading: str) -> str:
    return heading.lower().replace(".", "").replace(" ", "-")


def _table(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join((line(heading), line(("---",) * len(heading)), *(line(row) for row in rows))) + "\n"
