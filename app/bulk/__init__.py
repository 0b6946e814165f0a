"""Inputs of any size: a first pass puts onto disk what records need to know of each other, then they are
judged and written in groups, and what comes out is put into input order."""
