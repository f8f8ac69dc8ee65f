"""Pictures of results: arrays and results come in, pages and files go out; no framework."""
