"""Package managers, one module each; a module that offers `MANAGER` is one, and the scope `packages` reads it."""
