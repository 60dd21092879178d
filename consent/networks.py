"""A network's agreed roles and responsibilities, from one TOML file into one immutable `Network` value, and into an event and back.

Read whole or not at all: every fault of the file is reported at once. What is merely unfinished (no controller named, statutes nobody reviewed) is
kept in `Network.faults`: such a network runs in `demo` mode only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from consent import canonical
from consent.errors import InvalidNetworkError, Problem
from consent.legal_bases import load_statutes
from consent.model import Agreement, ConsentBasis, ConsentCode, Network, Notice, Organisation, Processing, Statute, StatuteBasis
from consent.notices import find_notices
from consent.tables import Faults, Table, read_toml
from consent.unfinished import unfinished

__all__ = ["ROLES", "load_network", "network_from_json", "network_json", "require_complete"]

ROLES = frozenset(
    {
        "municipality",
        "employment_authority",
        "kela",
        "education_provider",
        "association",
        "wellbeing_area",
        "unemployment_fund",
        "keha",
        "migri",
        "elinvoimakeskus",
        "business_services",
    }
)
"""Roles that an organisation may hold: kunta, työvoimaviranomainen, Kela, koulutuksen järjestäjä, yhdistys, hyvinvointialue, työttömyyskassa,
KEHA-keskus, Maahanmuuttovirasto, elinvoimakeskus, yrityspalvelut."""

T = TypeVar("T", Organisation, Agreement, Processing)


def load_network(path: Path, *, demo: bool, statutes: Mapping[str, Statute] | None = None) -> Network:
    """The network of a TOML file; InvalidNetworkError with every fault. `demo` alone lets unreviewed statutes carry.

    The same file, statutes and mode give the same `version` everywhere.
    """
    faults = Faults()
    known = load_statutes() if statutes is None else statutes
    file = read_toml(path, faults)
    titles = _purposes(file)
    organisations = _by_id((table, _organisation(table)) for table in file.tables("organisations"))
    network = Network(
        id=file.name("id"),
        name=file.text("name"),
        version="",
        organisations=organisations,
        categories=frozenset(file.names("categories")),
        purposes=frozenset(titles),
        agreements=(),
        statutes=known,
        processings=(),
        notices=tuple(notice for table in file.tables("notices") for notice in _notices(table)),
        require_reviewed=not demo,
        titles=titles,
    )
    agreements = _by_id((table, _agreement(table, network)) for table in file.tables("agreements"))
    processings = _by_id((table, _processing(table, network)) for table in file.tables("processings"))
    file.leave("sources")  # which connector reads what is the hub's own matter
    file.close()
    faults.raise_any()
    used = {name for agreement in agreements.values() for name in _named(agreement)}
    network = replace(
        network,
        agreements=tuple(agreements.values()),
        processings=tuple(processings.values()),
        statutes={name: known[name] for name in sorted(used)},
    )
    return _stamped(network)


def network_json(network: Network) -> str:
    """The network as canonical JSON text, to be published as an event; equal networks give equal texts."""
    return canonical.dumps(canonical.encode(network))


def network_from_json(text: str) -> Network:
    """The network of a text by `network_json`; InvalidNetworkError if it is anything else, or its version is not its content's hash."""
    try:
        network = canonical.decode(Network, canonical.loads(text))
    except canonical.NotCanonicalError as error:
        raise InvalidNetworkError(Problem(error.pointer, "malformed", error.message)) from error
    if _stamped(network) != network:
        raise InvalidNetworkError(Problem("/version", "wrong_hash", "the content is not what this version names"))
    return network


def require_complete(network: Network) -> None:
    """InvalidNetworkError, listing what is missing, unless the network may run outside `demo` mode."""
    if network.faults:
        raise InvalidNetworkError(*(Problem(f"{network.id}", "unfinished", fault) for fault in network.faults))


def _stamped(network: Network) -> Network:
    content = replace(network, version="", faults=())
    version = sha256(network_json(content).encode()).hexdigest()
    return replace(content, version=version, faults=unfinished(content))


def _by_id(found: Iterable[tuple[Table, T]]) -> dict[str, T]:
    values: dict[str, T] = {}
    for table, value in found:
        if value.id in values:
            table.fault("id", "repeated", f"{value.id!r} is the id of another")
        values[value.id] = value
    return values


def _purposes(file: Table) -> dict[str, str]:
    """Purposes with their Finnish titles (käyttötarkoitus)."""
    table = file.table("purposes")
    titles = {table.checked(name): table.text(name) for name in table.keys()}  # noqa: SIM118  # a Table is no mapping
    if not titles:
        file.fault("purposes", "empty", "name at least one")
    return titles


def _organisation(table: Table) -> Organisation:
    organisation = Organisation(
        id=table.name("id"),
        name=table.text("name"),
        roles=frozenset(table.known("roles", ROLES, "role")),
        assumed=table.flag("assumed"),
    )
    table.close()
    return organisation


def _notices(table: Table) -> tuple[Notice, ...]:
    notice_id, version = table.name("id"), table.number("version", least=1)
    found = find_notices(notice_id, version)
    if not found:
        table.fault("id", "unknown", f"there is no text of notice {notice_id!r} version {version}")
    table.close()
    return found


def _processing(table: Table, network: Network) -> Processing:
    processing = Processing(
        id=table.name("id"),
        controllers=table.known("controllers", frozenset(network.organisations), "organisation of this network")
        if table.has("controllers")
        else (),
        processor=table.optional_text("processor"),
        retention_days=table.optional_number("retention_days", least=1),
        document=table.optional_text("document"),
        dpia=table.optional_text("dpia"),
        assumed=table.flag("assumed"),
    )
    table.close()
    return processing


def _agreement(table: Table, network: Network) -> Agreement:
    since, until = table.force()
    organisations = frozenset(network.organisations)
    agreement = Agreement(
        id=table.name("id"),
        version=table.number("version", least=1),
        sender=table.known_one("sender", organisations, "organisation of this network"),
        recipient=table.known_one("recipient", organisations, "organisation of this network"),
        categories=frozenset(table.known("categories", network.categories, "category of this network")),
        purposes=frozenset(table.known("purposes", network.purposes, "purpose of this network")),
        basis=_basis(table, network),
        in_force_from=since,
        in_force_until=until,
        fields=frozenset(table.names("fields")) if table.has("fields") else None,
        assumed=table.flag("assumed"),
    )
    if agreement.sender and agreement.sender == agreement.recipient:
        table.fault("recipient", "same_as_sender", "a partner sees its own data in its own register")
    table.close()
    for category, purpose in _uncarried(agreement, network):
        table.fault("statutes", "does_not_carry", f"none of them lets these roles disclose {category} for {purpose}")
    return agreement


def _basis(table: Table, network: Network) -> StatuteBasis | ConsentBasis:
    if table.has("statutes") == table.has("consent"):
        table.fault("statutes", "one_basis", "name either statutes or consent codes")
    codes = table.known("consent", frozenset(ConsentCode), "consent code") if table.has("consent") else ()
    if table.has("statutes"):
        return StatuteBasis(table.known("statutes", frozenset(network.statutes), "statute row of consent/legal_bases"))
    return ConsentBasis(frozenset(code for code in ConsentCode if code in codes))


def _named(agreement: Agreement) -> tuple[str, ...]:
    return agreement.basis.statutes if isinstance(agreement.basis, StatuteBasis) else ()


def _uncarried(agreement: Agreement, network: Network) -> list[tuple[str, str]]:
    """What the agreement promises and no statute that it names can carry, by roles, categories and purposes."""
    if not all(name in network.statutes for name in _named(agreement)) or isinstance(agreement.basis, ConsentBasis):
        return []
    rows = replace(network, agreements=(agreement,)).rows
    return sorted((category, purpose) for (_, _, category, purpose), found in rows.items() if not found[0].statutes)
