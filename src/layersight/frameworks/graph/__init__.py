"""What every framework shares: a network as a flat list of steps, and what follows from it."""
