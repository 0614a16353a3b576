"""Sessions with stand-ins for providers of models and speech, beside the best possible schedule."""
