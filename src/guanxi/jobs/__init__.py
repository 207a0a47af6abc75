"""One file per command: what the command line and ``guanxi.train``, ``guanxi.predict`` call."""
