"""The use cases: what the system does, one module per resource. They know neither Flask nor a database session."""
