"""What a customer's past looks like as of a cutoff; nothing after the cutoff is read."""
