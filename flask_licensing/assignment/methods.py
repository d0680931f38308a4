"""What :class:`flask_licensing.Licensing` does to give license keys to their owners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.activations.fields import read_texts
from flask_licensing.assignment import service
from flask_licensing.assignment.fields import AssignmentSchema, RandomAssignmentSchema
from flask_licensing.assignment.service import Owner
from flask_licensing.assignment.stock import assign_random, read_random_assignment
from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask_licensing.activations.service import Verdict
    from flask_licensing.assignment.stock import RandomVerdict


class AssignmentMethods:
    """What :class:`flask_licensing.Licensing` does to assign license keys. Each method needs an app context.

    With ``commit=False`` a change joins the transaction of the host's session.
    """

    def assign_license_key(
        self, license_key: str, *, owner_name: str | None = None, owner_email: str | None = None, commit: bool = True
    ) -> Verdict:
        """Assign an available license key, as ``assign-license-key`` does: code 800, or 801 where it is not available.

        Raises:
            IncorrectData: the owner is longer than 255 characters, or has control characters.

        """
        asked = _read(license_key=license_key, owner_name=owner_name, owner_email=owner_email)
        owner = Owner(asked["owner_name"], asked["owner_email"])
        return run_work(
            current_state(),
            current_origin(),
            lambda work: service.assign(work, asked["license_key"] or "", owner),
            commit=commit,
        )

    def assign_and_activate_license_key(
        self,
        license_key: str,
        identifier: str,
        *,
        owner_name: str | None = None,
        owner_email: str | None = None,
        commit: bool = True,
    ) -> Verdict:
        """Assign an available license key and activate it, as the endpoint does: code 300, or 301 for a repetition.

        Raises:
            IncorrectData: the owner is longer than 255 characters, or has control characters.

        """
        asked = _read(license_key=license_key, identifier=identifier, owner_name=owner_name, owner_email=owner_email)
        owner = Owner(asked["owner_name"], asked["owner_email"])
        return run_work(
            current_state(),
            current_origin(),
            lambda work: service.assign_and_activate(
                work, asked["license_key"] or "", asked["identifier"] or "", owner
            ),
            commit=commit,
        )

    def random_assign_license_keys(
        self,
        product_id: int,
        *,
        quantity: int = 1,
        generate: bool = False,
        owner_name: str | None = None,
        owner_email: str | None = None,
        commit: bool = True,
    ) -> RandomVerdict:
        """Assign any available license keys of a product, or with ``generate`` new ones, as the endpoint does.

        The code is 803, and ``license_keys`` are those that were assigned; or 805, 806 or 802, and none were.

        Raises:
            IncorrectData: the quantity is not from 1 to 1000, or the owner is no text of up to 255 characters.
            TransactionConflict: the database ended the transaction for another; it may be tried again.

        """
        given = {"product_id": product_id, "quantity": quantity, "generate": int(generate)}
        owner = {"owner_name": owner_name, "owner_email": owner_email}
        wanted = read_random_assignment(load_fields(RandomAssignmentSchema(), given | owner))
        return run_work(current_state(), current_origin(), lambda work: assign_random(work, wanted), commit=commit)


def _read(**sent: str | None) -> Mapping[str, str | None]:
    return read_texts(load_fields(AssignmentSchema(), sent))
