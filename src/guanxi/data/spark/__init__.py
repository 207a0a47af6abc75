"""Spark as the engine, for data that do not fit on one machine."""
