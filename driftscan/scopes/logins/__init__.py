"""What the scope `accounts` reads: users, keys, sudo rules, who makes accounts, who logged in last."""
