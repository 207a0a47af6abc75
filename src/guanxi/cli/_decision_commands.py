"""Commands that answer a question about customers: campaign, profit, plan, scenario, programme."""
