"""One file per command, called by the command line and by ``guanxi.train``, ``guanxi.predict`` and so on."""
