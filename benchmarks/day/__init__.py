"""An exhibition's day in about an hour: one kiosk, one slow water, and an exact account.

What is scaled: the time of the day, which passes `speed` times as fast as ours whenever nothing is
being made. In it visitors come, write and lose patience; the water plays, which is the kit for
TouchDesigner on a stage (its players, pauses, and its patience with a session); and the kiosk keeps
its rules. All of that is told in seconds of the day.

What is not scaled: the making. No machine speaks ten times as fast, so from a question to the last
event of its session the day passes at our own speed; else the water would be hurried on by what
cannot keep up, and a silence would say nothing of a real day. Voice, texts, waves, events and files
are the real ones. The servers run as always, on our clock: their deadlines, heartbeats, memory of
finished sessions (`soak.show.KEPT_S`: that is more of the day) and hourly housekeeping, and the
kit's connection.
"""
