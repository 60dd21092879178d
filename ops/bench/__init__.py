"""`silta bench`: Silta's intake and worker beside programs of the same job without Silta, in one run, turn by turn, on the real servers.

What is compared ends in the same state, and a checksum over that state must be the same on every side, or the bench fails. Figures are ratios
between sides of one round, since a machine's speed changes from minute to minute; rounds give their spread.
"""
