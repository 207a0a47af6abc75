"""How good predictions were, once what happened is known."""
