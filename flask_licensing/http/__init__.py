"""HTTP in and out: the blueprint, authentication and one module per resource."""
