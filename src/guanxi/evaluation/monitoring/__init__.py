"""Whether a model still fits what comes in: drift, profiles, and the verdict."""
