"""The part of the extension object that creates license keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_licensing.core.fields import load_fields
from flask_licensing.core.state import current_state
from flask_licensing.core.work import run_work
from flask_licensing.http.origins import current_origin
from flask_licensing.license_keys.fields import CreateLicenseKeysSchema, refuse_unknown_terms
from flask_licensing.license_keys.service import create_license_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from flask_licensing.core.work import Work
    from flask_licensing.license_keys.store import CreationResult, GivenTerms


class LicenseKeyMethods:
    """What :class:`flask_licensing.Licensing` does with license keys. Each method needs an app context."""

    def create_license_keys(
        self, license_keys: Sequence[str], *, commit: bool = True, **terms: Unpack[GivenTerms]
    ) -> CreationResult:
        """Create license keys, as the endpoint does.

        The terms are ``product_id``, ``activation_limit``, ``validity`` (in days) and ``status``, which are required,
        and ``owner_name``, ``owner_email`` and ``assigned_at`` (a text, or a naive UTC or aware datetime); see contract
        section 4 for each.

        With ``commit=False`` everything joins the transaction of the host's session, to be committed or rolled back
        there; no signal is sent then, as this package does not see the commit. Needs an app context. There is no
        limit on the number of license keys.

        Raises:
            IncorrectData: fields are wrong or the product does not exist; nothing was created.
            StoreUnavailable: the database can't be reached or can't store.
            TransactionConflict: a deadlock or another conflict; the call may be retried.
            ConstraintViolation: a constraint of the database refused what was to be stored.

        """
        refuse_unknown_terms(terms)
        schema = CreateLicenseKeysSchema(max_license_keys=None)
        fields = load_fields(schema, {"license_keys": list(license_keys), **terms})

        def create(work: Work) -> CreationResult:
            return create_license_keys(work, fields, caller=None)[1]

        return run_work(current_state(), current_origin(), create, commit=commit)
