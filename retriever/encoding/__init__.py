"""The parts of an encoder: its backends, its weights as a model, encoders by name, kept vectors."""
