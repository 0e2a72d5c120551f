"""Answer one API call: dispatch it to its handler and build the reply."""
