"""What traces answer: costs, speed, outcomes, errors, tools, satisfaction, conversations. SQL over the store.

`period`, `answers` and `statistics` are pure and light; everything else needs a cursor of the store.
"""
