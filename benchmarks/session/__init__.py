"""The whole measured from outside: a session, what a gateway costs the visitor, and starting."""
