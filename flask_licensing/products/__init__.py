"""Products: what license keys are sold for."""
