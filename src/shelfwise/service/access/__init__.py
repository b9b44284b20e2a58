"""Who may call: keys, sessions of people, and headers for browsers."""
