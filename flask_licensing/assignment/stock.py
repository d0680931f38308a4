"""Assigning any available license keys of a product, as a shop does for each order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_licensing.assignment.service import Owner, assigned_to, license_key_assigned
from flask_licensing.assignment.store import StockStore
from flask_licensing.core.store import has_group, require_group
from flask_licensing.errors import Code, IncorrectData
from flask_licensing.generators.service import GENERATOR_NOT_FOUND, generate_license_keys, newest_active_generator
from flask_licensing.generators.store import GeneratorStore
from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyTerms
from flask_licensing.products.service import find_product

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_licensing.core.fields import LoadedFields
    from flask_licensing.core.work import Work
    from flask_licensing.generators.store import Generator
    from flask_licensing.license_keys.store import LicenseKey

TOO_FEW = Code(802, "Insufficient license keys")
ALL_ASSIGNED = Code(803, "License keys assigned")
UNKNOWN_PRODUCT = Code(805, "Product not found")

LICENSE_KEYS_ASSIGNED = "license-keys-assigned"


@dataclass(frozen=True)
class Shortfall:
    """There are not as many license keys as were wanted: ``available`` is how many there are."""

    available: int


@dataclass(frozen=True)
class RandomAssignment:
    """How many license keys of a product an owner gets; ``product_id`` is ``None`` where none was named.

    Those of the stock, or with ``generate`` new ones of the product's newest active generator.
    """

    product_id: int | None
    quantity: int
    generate: bool
    owner: Owner


def read_random_assignment(sent: LoadedFields) -> RandomAssignment:
    """Return what the fields ask for; an invalid product id is that of an unknown product.

    Raises:
        IncorrectData: another field is wrong.

    """
    wrong = {name: sentences for name, sentences in sent.errors.items() if name != "product_id"}
    if wrong:
        raise IncorrectData(wrong)
    asked = sent.readable if sent.errors else sent.value
    owner = Owner(asked.get("owner_name"), asked.get("owner_email"))
    return RandomAssignment(asked.get("product_id"), asked.get("quantity", 1), bool(asked.get("generate", 0)), owner)


@dataclass(frozen=True)
class RandomVerdict:
    """What is answered: the license keys that were assigned, or ``available``, how many there are, where too few."""

    code: Code
    license_keys: Sequence[LicenseKey] = ()
    available: int | None = None


def assign_random(work: Work, wanted: RandomAssignment) -> RandomVerdict:
    """Assign as many license keys as are wanted, of an inactive product too, or none."""
    if wanted.product_id is None or find_product(work.store, wanted.product_id) is None:
        return RandomVerdict(UNKNOWN_PRODUCT)
    if wanted.generate:
        keys = assign_generated(work, wanted.product_id, wanted.quantity, wanted.owner)
        return RandomVerdict(GENERATOR_NOT_FOUND) if keys is None else RandomVerdict(ALL_ASSIGNED, keys)
    found = assign_from_stock(work, wanted.product_id, wanted.quantity, wanted.owner)
    if isinstance(found, Shortfall):
        return RandomVerdict(TOO_FEW, available=found.available)
    return RandomVerdict(ALL_ASSIGNED, found)


def assign_from_stock(work: Work, product_id: int, quantity: int, owner: Owner) -> Sequence[LicenseKey] | Shortfall:
    """Assign so many available license keys of a product to an owner and return them, by id, or assign none."""
    store = require_group(work.store, StockStore, "keeps no stock of license keys")
    locked = store.lock_available_license_keys(product_id, quantity)
    if len(locked) < quantity:
        return Shortfall(len(locked))
    assigned = [assigned_to(owner, key, work.now) for key in locked]
    store.assign_license_keys(assigned)
    note_assigned(work, assigned)
    return assigned


def generator_for(work: Work, product_id: int) -> Generator | None:
    """Return what makes new license keys of a product; ``None`` where it has no active generator."""
    return newest_active_generator(work, product_id) if has_group(work.store, GeneratorStore) else None


def note_assigned(work: Work, license_keys: Sequence[LicenseKey]) -> None:
    """Record that license keys of one product were assigned, and send the signal of each after the commit."""
    first, last = license_keys[0], license_keys[-1]
    target = f"license-keys:{first.id}-{last.id} ({len(license_keys)})"
    work.record(LICENSE_KEYS_ASSIGNED, product_id=first.terms.product_id, target=target)
    for key in license_keys:
        work.send(license_key_assigned, license_key=key)


def assign_generated(work: Work, product_id: int, quantity: int, owner: Owner) -> Sequence[LicenseKey] | None:
    """Generate license keys that are assigned from the beginning; ``None`` where the product has no generator."""
    generator = generator_for(work, product_id)
    if generator is None:
        return None
    terms = LicenseKeyTerms(
        product_id,
        generator.activation_limit,
        generator.validity,
        LicenseKeyStatus.ASSIGNED,
        owner.name,
        owner.email,
        work.now.replace(microsecond=0),
    )
    keys = generate_license_keys(work, generator, quantity, terms)
    note_assigned(work, keys)
    return keys
