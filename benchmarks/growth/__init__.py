"""What a thing costs as what is there already grows: sessions, visits, jobs, history, files."""
