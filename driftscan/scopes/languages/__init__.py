"""Package managers of languages, one module each; for the scope `language_packages`."""
