"""DWCP v3, the Distributed Wide-Area Computation Protocol, as pure code.

Nothing in this package reads a clock, opens a socket or file, or draws a random number of its
own: time and randomness are arguments, and what should happen next is returned. The same code
therefore runs in the simulated lab, step by step in a notebook, and in a test.

Reading order: units, machine, mode, encoding, consensus, then node and migration, which join them.
"""
