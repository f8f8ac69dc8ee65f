"""How blocks are laid out: each becomes a body that knows its rows before a page is drawn."""
