"""Ensembles of LightGBM trees: predictions and exact SHAP values."""
