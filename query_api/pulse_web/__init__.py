"""The web pages: the shell of all of them, and the built files that it loads."""
