"""Judge a client by the journal: what it did wrong, why that matters and what to do instead."""

from leomock.verdict import agents, budget, images, polling, retries, uploads, uses, webhooks
from leomock.verdict.review import Finding, Verdict, verdict

# Importing a module registers its rules.
_RULE_MODULES = (polling, images, retries, uploads, uses, webhooks, budget, agents)

__all__ = ["Finding", "Verdict", "verdict"]
