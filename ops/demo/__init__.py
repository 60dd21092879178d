"""``silta demo``: the whole hub on this machine, with invented clients, told step by step and checked as it goes."""
