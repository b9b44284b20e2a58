"""Objects as programs answer, unwrapped: envelopes, typed values, languages, groups."""
