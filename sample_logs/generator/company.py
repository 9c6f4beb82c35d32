"""Acme Instruments: its domain, its staff, its dealers and customers."""

from __future__ import annotations

import random
import zlib

OWN = "acme.example"
SERVER = 4711001  # at Postmark
STAFF = {
    "agent": "Acme Instruments", "shop": "Acme Shop", "billing": "Acme Billing", "warehouse": "Acme Warehouse", "quality": "Quality",
    "jonas.weiss": "Jonas Weiss", "ann.becker": "Ann Becker", "li.chen": "Li Chen", "omar.haddad": "Omar Haddad", "eva.lund": "Eva Lund",
}  # fmt: skip
HUMANS = ["jonas.weiss", "ann.becker", "li.chen", "omar.haddad", "eva.lund"]
DEALERS = ["north@dealer-nord.example", "office@dealer-west.example", "sales@dealer-sued.example"]
FIRSTS = ["Maria", "Peter", "Sofia", "Daniel", "Hannah", "Luca", "Nadia", "Tom", "Ines", "Viktor", "Grace", "Pavel"]
LASTS = ["Meyer", "Novak", "Rossi", "Dubois", "Larsen", "Kowalski", "Silva", "Brandt", "Moreau", "Keller", "Varga", "Okafor"]
COMPANIES = [
    "orchard-labs", "bluefin-optics", "nordwerk", "hillside-clinic", "pine-robotics", "quarry-tools", "lakeview-college", "delta-marine",
    "kestrel-air", "oakline-foods", "tundra-energy", "mosaic-print", "saffron-hotels", "cobalt-works", "ember-ceramics", "willow-care",
]  # fmt: skip


def customers(rng: random.Random) -> tuple[list[str], list[str]]:
    """Addresses of old customers, and of those who first write inside the window."""
    every = [
        f"{first}.{last}@{company}.example".lower() for company in COMPANIES for first, last in zip(FIRSTS, LASTS, strict=True)
    ]
    chosen = rng.sample(every, 96)
    return chosen[:72], chosen[72:]


def name_of(address: str) -> str:
    """The display name of an address: the staff by their table (empty for strangers there), others by their local part."""
    local, _, domain = address.partition("@")
    return STAFF.get(local, "") if domain == OWN else local.replace(".", " ").title()


def ip_of(address: str) -> str:
    """The server that takes mail for an address's domain: one of 192.0.2.50 to 192.0.2.249, always the same."""
    return f"192.0.2.{50 + zlib.crc32(address.rpartition('@')[2].encode()) % 200}"
