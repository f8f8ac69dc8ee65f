"""One folder for each framework; the only room in which a framework is imported."""
