"""Turn the prices a bot follows into what each of its markets is worth."""
