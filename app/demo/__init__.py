"""The demonstration: a sandbox EHR with invented people, the app beside it, and a robot that uses both."""
