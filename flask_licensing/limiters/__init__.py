"""Where events are counted: :mod:`.in_process`, or :mod:`.stored`, which needs the extra ``rate-limiting``."""
