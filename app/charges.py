"""The charge file: every released claim once, line by line, for the clinic's own billing system."""
