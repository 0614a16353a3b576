"""Pure state machines: facts and the time go in, decisions come out.

Read `decisions` first (what goes in and comes out), then `readiness` (which event is due when),
then `continuity` (whether every fact has arrived).
"""
