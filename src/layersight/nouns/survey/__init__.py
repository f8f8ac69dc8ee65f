"""What every channel does over a whole data set."""
