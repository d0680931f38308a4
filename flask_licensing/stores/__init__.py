"""The key stores that ship: :mod:`.sqlalchemy`, the default, and :mod:`.memory`."""
