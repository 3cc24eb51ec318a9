"""What the launcher tells a person who can put it right."""


class LaunchError(Exception):
    """Noctis can't start; the text is one plain sentence that says what is wrong and what to do."""
