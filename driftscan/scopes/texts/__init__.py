"""Text of configuration: which files, how they are read, which secrets lie in them; for the scope `contents`."""
