"""What a thing costs as what is there already grows: sessions, queued jobs, history."""
