"""Where events are counted: :mod:`.stored`, which needs the extra ``rate-limiting``."""
