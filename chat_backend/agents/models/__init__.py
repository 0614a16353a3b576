"""Six minds that are language models; nothing here is loaded unless one is used."""
