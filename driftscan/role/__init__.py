"""The role: what must be done on top of a stock install of the same release to have the host again."""
