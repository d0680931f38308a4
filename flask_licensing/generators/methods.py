"""What :class:`flask_licensing.Licensing` does with generators of license keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.errors import IncorrectData, UnknownGenerator
from flask_licensing.generators import service
from flask_licensing.generators.fields import GenerateSchema
from flask_licensing.http.origins import current_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from flask_licensing.core.work import Result, Work
    from flask_licensing.generators.fields import GivenGenerator
    from flask_licensing.generators.store import Generator
    from flask_licensing.license_keys.store import LicenseKey


class GeneratorMethods:
    """What :class:`flask_licensing.Licensing` does with generators. Each method needs an app context.

    With ``commit=False`` a change joins the transaction of the host's session.
    """

    def create_generator(
        self, product_id: int, method: str, *, commit: bool = True, **given: Unpack[GivenGenerator]
    ) -> Generator:
        """Make a generator of license keys for a product; the newest active one is what a shop generates with.

        Args:
            product_id: the product.
            method: ``uuid``, ``chunk-system``, ``custom`` or ``readable``.
            commit: whether to commit.
            given: ``activation_limit`` and ``validity`` (in days) of its license keys, which are required; ``prefix``
                and ``suffix`` of each; ``charset``, ``number_of_chunks`` and ``chunk_length``, by default 4 chunks of
                4 hexadecimal digits; ``function_name`` for ``custom``, one of the names in
                ``license_key_generators``; and ``active``, by default true.

        Raises:
            IncorrectData: something is wrong, or the product does not exist.
            GeneratorTooSmall: it would make too few different license keys.

        """
        return _run(lambda work: service.create_generator(work, product_id, method, given), commit=commit)

    def update_generator(self, generator_id: int, *, commit: bool = True, **given: Unpack[GivenGenerator]) -> Generator:
        """Change what is given of a generator, and return it; ``active=False`` takes it out of use.

        Raises:
            UnknownGenerator: there is no such generator.
            IncorrectData: something is wrong; nothing was changed.
            GeneratorTooSmall: it would make too few different license keys.

        """
        return _run(lambda work: service.update_generator(work, generator_id, given), commit=commit)

    def list_generators(self) -> Sequence[Generator]:
        """Return all generators, by id."""
        return _run(lambda work: service.generators_of(work).list_generators())

    def generate_license_keys(self, generator_id: int, quantity: int, *, commit: bool = True) -> Sequence[LicenseKey]:
        """Make from 1 to 1000 license keys and store them, available, as ``generate`` does.

        Raises:
            UnknownGenerator: there is no such generator, or it is not active.
            IncorrectData: the quantity is wrong.
            GeneratorTooSmall: the generator makes too few different license keys.
            GeneratorFailed: the site's function did not return license keys that can be stored.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        asked = load_fields(GenerateSchema(), {"generator_id": generator_id, "quantity": quantity})
        if "quantity" in asked.errors:
            raise IncorrectData(asked.errors)

        def generate(work: Work) -> Sequence[LicenseKey]:
            generator = None if asked.errors else service.find_active_generator(work, generator_id)
            if generator is None:
                raise UnknownGenerator
            return service.generate_license_keys(work, generator, quantity)

        return _run(generate, commit=commit)


def _run(operation: Callable[[Work], Result], *, commit: bool = True) -> Result:
    return run_work(current_state(), current_origin(), operation, commit=commit)
