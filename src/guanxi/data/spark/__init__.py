"""Spark as the engine, for data that outgrow one machine."""
