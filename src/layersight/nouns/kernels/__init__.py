"""The learned weights of filters."""
