"""The proof of a role: it is applied to a blank host, which is scanned and compared with the original."""
