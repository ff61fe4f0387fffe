"""Git, Mercurial and Subversion read without running them; for the scope `checkouts`."""
