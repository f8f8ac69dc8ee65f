"""How far a heatmap can be believed: one metric a file, and what runs them."""
