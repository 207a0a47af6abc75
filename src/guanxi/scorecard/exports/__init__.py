"""Export of scores as import files for CRM systems."""
