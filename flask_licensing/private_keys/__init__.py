"""The private keys of one app: where they come from, loading them, and which of them signs."""
