"""What the published lists were worth: the lists that readers saw on a day, scored by what users did on it."""
