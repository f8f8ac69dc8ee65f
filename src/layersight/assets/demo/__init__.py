"""The network and the photograph of the demonstration."""
