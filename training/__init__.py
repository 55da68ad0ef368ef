"""Evaluation of what the agent does. Training joins it with the issues that follow (see CHANGELOG)."""
