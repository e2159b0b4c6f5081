"""One way to sign in for all protocols: mechanisms, directories, tokens, the guard."""
