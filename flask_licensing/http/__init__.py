"""Flask in and out: the blueprint, reading requests, authentication, answers and the description of the API."""
