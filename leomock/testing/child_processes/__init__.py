"""Lead processes that a program starts, in any language, to the fake: ports, trust and environment."""
