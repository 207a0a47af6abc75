"""Customer features as of a cutoff; no data after the cutoff are used."""
