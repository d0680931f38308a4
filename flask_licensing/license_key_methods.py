"""The part of the extension object that creates license keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.api.origins import current_origin
from flask_licensing.fields import load_fields
from flask_licensing.license_key_fields import CreateLicenseKeysSchema
from flask_licensing.services.license_keys import create_license_keys
from flask_licensing.state import current_state
from flask_licensing.work import run_work

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flask_licensing.domain import CreationResult
    from flask_licensing.work import Work


class LicenseKeyMethods:
    """What :class:`flask_licensing.Licensing` does with license keys. Each method needs an app context."""

    def create_license_keys(
        self,
        license_keys: Sequence[str],
        *,
        product_id: int,
        activation_limit: int,
        validity: int,
        status: str,
        owner_name: str | None = None,
        owner_email: str | None = None,
        assigned_at: datetime | str | None = None,
        commit: bool = True,
    ) -> CreationResult:
        """Create license keys, as the endpoint does; see contract section 4 for each field.

        With ``commit=False`` everything joins the transaction of the host's session, to be committed or rolled back
        there; no signal is sent then, as this package does not see the commit. Needs an app context. There is no
        limit on the number of license keys.

        Raises:
            IncorrectData: fields are wrong or the product does not exist; nothing was created.
            StoreUnavailable: the database can't be reached or can't store.
            TransactionConflict: the database ended the transaction for another; it may be tried again.
            ConstraintViolation: a constraint of the database refused what was to be stored.

        """
        sent_fields = {
            "license_keys": list(license_keys),
            "product_id": product_id,
            "activation_limit": activation_limit,
            "validity": validity,
            "status": status,
            "owner_name": owner_name,
            "owner_email": owner_email,
            "assigned_at": assigned_at,
        }

        schema = CreateLicenseKeysSchema(max_license_keys=None)
        fields = load_fields(schema, sent_fields)

        def create(work: Work) -> CreationResult:
            return create_license_keys(work, fields, caller=None)[1]

        return run_work(current_state(), current_origin(), create, commit=commit)
