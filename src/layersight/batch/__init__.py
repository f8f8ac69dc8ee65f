"""From what a person gives to what a network gets: images, their scale, a batch."""
