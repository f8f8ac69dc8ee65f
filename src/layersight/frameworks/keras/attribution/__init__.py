"""Numbers read off a Keras model, their gradients, and what is left of them without a channel."""
