"""The table of license keys."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from flask_licensing.core.tables import Base, text_type
from flask_licensing.products.tables import Product


class LicenseKey(Base):
    """A license key with its terms. A host's foreign key to it is written ``ForeignKey(LicenseKey.id)``."""

    __tablename__ = "licensing_license_keys"
    # No index of its own on product_id: MariaDB refuses to drop one that a foreign key uses, as a downgrade would.
    __table_args__ = (
        sa.PrimaryKeyConstraint("id", name="pk_licensing_license_keys"),
        sa.UniqueConstraint("license_key", name="uq_licensing_license_keys_license_key"),
        sa.ForeignKeyConstraint(["product_id"], [Product.id], name="fk_licensing_license_keys_product_id"),
        sa.Index("ix_licensing_license_keys_status", "status", "product_id", "id"),
        sa.Index("ix_licensing_license_keys_status_only", "status", "id"),
        sa.Index("ix_licensing_license_keys_owner_name", "owner_name", "id"),
        sa.Index("ix_licensing_license_keys_owner_email", "owner_email", "id"),
    )

    id: Mapped[int] = mapped_column(sa.Integer)
    product_id: Mapped[int] = mapped_column(sa.Integer)
    license_key: Mapped[str] = mapped_column(text_type(collation="utf8mb4_bin"))
    activation_limit: Mapped[int] = mapped_column(sa.Integer)
    validity: Mapped[int] = mapped_column(sa.Integer)
    status: Mapped[str] = mapped_column(sa.String(16))
    owner_name: Mapped[str | None] = mapped_column(text_type())
    owner_email: Mapped[str | None] = mapped_column(text_type())
    assigned_at: Mapped[datetime | None] = mapped_column(sa.DateTime)
    created_at: Mapped[datetime] = mapped_column(sa.DateTime)
    updated_at: Mapped[datetime] = mapped_column(sa.DateTime)
