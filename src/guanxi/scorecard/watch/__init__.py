"""Who moved between tiers, who will, and why."""
