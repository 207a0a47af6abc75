"""The MLflow door: store, bundle, log, register, load."""
