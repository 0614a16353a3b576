"""What the gateway learns of a session: `ledger` keeps the facts (pure), `publisher` sends them."""
