"""One channel: what it weighs, what it looks for, and what it does over a data set."""
