"""The conversation: a visitor's message, six voices, three turns, and what becomes of them."""
