"""The methods of attribution: a file for each."""
