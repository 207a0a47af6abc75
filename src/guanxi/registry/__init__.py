"""Access to MLflow: store, bundle, log, register and load models."""
