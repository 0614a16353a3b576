"""The gateway under fire: many sessions while everything around it is killed, stopped and cut."""
