"""A small strict EHR for the demo and the tests.

It is a stranger on purpose: it imports nothing of the app, so that only the specifications join the two.
"""
