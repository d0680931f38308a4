"""Making generators, and license keys with them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from flask_licensing.core.domain import MAX_TEXT_LENGTH
from flask_licensing.core.fields import load_fields
from flask_licensing.core.signals import signals
from flask_licensing.core.store import require_group
from flask_licensing.errors import (
    Code,
    GeneratorFailed,
    GeneratorTooSmall,
    IncorrectData,
    TransactionConflict,
    UnknownGenerator,
)
from flask_licensing.generators.drawing import SPACE_PER_LICENSE_KEY, draw_license_key, space_of
from flask_licensing.generators.fields import GeneratorSchema
from flask_licensing.generators.store import Generator, GeneratorMethod, GeneratorStore
from flask_licensing.license_keys.fields import is_license_key
from flask_licensing.license_keys.service import counted
from flask_licensing.license_keys.store import LicenseKeyStatus, LicenseKeyStore, LicenseKeyTerms
from flask_licensing.products.fields import UNKNOWN_PRODUCT
from flask_licensing.products.service import find_product

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask_licensing.core.work import Work
    from flask_licensing.generators.fields import GivenGenerator
    from flask_licensing.license_keys.store import LicenseKey

GENERATORS_LISTED = Code(820, "All generators")
GENERATOR_NOT_FOUND = Code(806, "Generator not found")
GENERATED = Code(815, "Generated license keys", signed_for_product=True)

GENERATOR_CREATED = "generator-created"
GENERATOR_UPDATED = "generator-updated"
LICENSE_KEYS_GENERATED = "license-keys-generated"

license_keys_generated = signals.signal(LICENSE_KEYS_GENERATED)
"""License keys were generated: ``generator`` is the :class:`~flask_licensing.hooks.Generator`, ``license_keys`` what
it made, each a :class:`~flask_licensing.hooks.LicenseKey`."""

_LARGEST_NUMBER_OF_LICENSE_KEYS = 2**31
"""More ids than any database has for license keys."""


def newest_active_generator(work: Work, product_id: int) -> Generator | None:
    """Return the active generator of a product that was made last, or ``None``."""
    return generators_of(work).find_active_generator(product_id)


def find_active_generator(work: Work, generator_id: int) -> Generator | None:
    """Return the generator with this id where it is active, or ``None``."""
    generator = generators_of(work).find_generator(generator_id)
    return generator if generator is not None and generator.active else None


def generate_license_keys(
    work: Work, generator: Generator, quantity: int, terms: LicenseKeyTerms | None = None
) -> Sequence[LicenseKey]:
    """Make so many license keys, store them with one statement, and return them in the order in which they were made.

    ``terms`` are by default those of the generator, of available license keys.

    Raises:
        GeneratorTooSmall: the generator makes too few different license keys.
        GeneratorFailed: the site's function did not return license keys that can be stored.
        TransactionConflict: another transaction stored one of them at the same moment.

    """
    require_space(work, generator, quantity)
    make = _called if generator.method is GeneratorMethod.CUSTOM else _drawn
    texts = make(work, generator, quantity)
    store = require_group(work.store, LicenseKeyStore, "holds no license keys")
    terms = terms or _terms_of(generator)
    if counted(store.add_license_keys(sorted(texts), terms, work.now), of=quantity) < quantity:
        raise TransactionConflict("A license key that was generated was stored by another transaction.")
    stored = {key.license_key: key for key in generators_of(work).find_license_keys_of(texts)}
    keys = [stored[text] for text in texts]
    target = f"generator:{generator.id}"
    work.record(LICENSE_KEYS_GENERATED, product_id=generator.product_id, target=target, created=quantity)
    work.send(license_keys_generated, generator=generator, license_keys=keys)
    return keys


def create_generator(work: Work, product_id: int, method: str, given: GivenGenerator) -> Generator:
    """Store a new generator.

    Raises:
        IncorrectData: something of it is wrong, or the product does not exist.
        GeneratorTooSmall: it makes too few different license keys, even for one.

    """
    draft = _checked(work, {"product_id": product_id, "method": method, **given})
    _require_license_keys(work, draft)
    generator = generators_of(work).add_generator(draft)
    _record(work, GENERATOR_CREATED, generator)
    return generator


def update_generator(work: Work, generator_id: int, changes: GivenGenerator) -> Generator:
    """Change what is given of a generator, and return it as it is then; license keys that it made stay as they are.

    Raises:
        UnknownGenerator: there is no such generator.
        IncorrectData: something is wrong; nothing is changed.
        GeneratorTooSmall: it would make too few different license keys, even for one.

    """
    generator = generators_of(work).find_generator(generator_id)
    if generator is None:
        raise UnknownGenerator
    before = {name: value for name, value in dataclasses.asdict(generator).items() if name in GeneratorSchema().fields}
    given = {name: value for name, value in changes.items() if value is not None}
    changed = dataclasses.replace(_checked(work, before | given), id=generator.id, created_at=generator.created_at)
    if changed.active:
        # Whatever became of its function or its space, a generator can be taken out of use.
        _require_license_keys(work, changed)
    generators_of(work).update_generator(changed)
    _record(work, GENERATOR_UPDATED, changed)
    return changed


def generators_of(work: Work) -> GeneratorStore:
    """Return the store of the work as one that keeps generators."""
    return require_group(work.store, GeneratorStore, "keeps no generators")


def _checked(work: Work, given: Mapping[str, Any]) -> Generator:
    """Return the generator that is described, as a new one, without an id."""
    loaded = load_fields(GeneratorSchema(), given)
    errors = dict(loaded.errors)
    product_id = (loaded.readable if errors else loaded.value).get("product_id")
    if product_id is not None and find_product(work.store, product_id) is None:
        errors["product_id"] = [UNKNOWN_PRODUCT]
    if errors:
        raise IncorrectData(errors)
    now = work.now.replace(microsecond=0)
    return Generator(0, **loaded.value, created_at=now, updated_at=now)


def _require_license_keys(work: Work, generator: Generator) -> None:
    """Refuse a generator that could make no license key."""
    if generator.method is GeneratorMethod.CUSTOM:
        if generator.function_name not in work.license_key_generators:
            raise IncorrectData({"function_name": ["The selected function name is invalid."]})
        return
    require_space(work, generator, 1)
    if len(draw_license_key(generator)) > MAX_TEXT_LENGTH:
        sentence = f"The license keys would be longer than {MAX_TEXT_LENGTH} characters."
        raise IncorrectData({"number_of_chunks": [sentence]})


def require_space(work: Work, generator: Generator, quantity: int) -> None:
    """Refuse a generator whose license keys could be guessed, or drawn twice.

    License keys are unique across products, so those of all of them count.
    """
    space = space_of(generator)
    if space is None or space >= SPACE_PER_LICENSE_KEY * _LARGEST_NUMBER_OF_LICENSE_KEYS:
        return
    existing = generators_of(work).count_all_license_keys()
    needed = SPACE_PER_LICENSE_KEY * (existing + quantity)
    if space < needed:
        raise GeneratorTooSmall(
            f"The generator makes {space:,} different license keys. For the {existing:,} that are there and"
            f" {quantity:,} more it has to make at least {needed:,}, {SPACE_PER_LICENSE_KEY:,} for each"
        )


def _drawn(work: Work, generator: Generator, quantity: int) -> Sequence[str]:
    """Return so many different license keys that are not stored."""
    drawn: dict[str, None] = {}
    while missing := quantity - len(drawn):
        fresh = {draw_license_key(generator): None for _ in range(missing)}
        for key in generators_of(work).find_license_keys_of(list(fresh)):
            del fresh[key.license_key]
        drawn |= fresh
    return list(drawn)


def _called(work: Work, generator: Generator, quantity: int) -> Sequence[str]:
    """Return what the site's function makes, if all of it can be stored."""
    name = generator.function_name
    function = work.license_key_generators.get(name)
    if function is None:
        raise GeneratorFailed(f"There is no function {name!r} among license_key_generators.")
    try:
        returned = list(function(generator, quantity))
    except Exception as error:
        raise GeneratorFailed(f"The function {name!r} raised {type(error).__name__}.") from error
    if not all(isinstance(text, str) and text for text in returned):
        raise GeneratorFailed(f"The function {name!r} made something that is no text.")
    made = [f"{generator.prefix}{text}{generator.suffix}" for text in returned]
    if problem := _problem(made, quantity):
        raise GeneratorFailed(f"The function {name!r} made {problem}.")
    if generators_of(work).find_license_keys_of(made):
        raise GeneratorFailed(f"The function {name!r} made a license key that is there already.")
    return made


def _problem(made: Sequence[str], quantity: int) -> str | None:
    if len(made) != quantity:
        return f"{len(made)} license keys instead of {quantity}"
    if len(set(made)) != quantity:
        return "a license key twice"
    if not all(is_license_key(text) and text == text.strip() for text in made):
        return "something that can't be a license key"
    return None


def _terms_of(generator: Generator) -> LicenseKeyTerms:
    return LicenseKeyTerms(
        generator.product_id, generator.activation_limit, generator.validity, LicenseKeyStatus.AVAILABLE
    )


def _record(work: Work, action: str, generator: Generator) -> None:
    work.record(action, product_id=generator.product_id, target=f"generator:{generator.id}")
