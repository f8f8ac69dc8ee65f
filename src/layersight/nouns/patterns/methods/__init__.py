"""The methods of activation maximisation: a file for each."""
