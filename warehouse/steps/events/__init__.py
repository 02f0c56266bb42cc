"""Raw events of a day become events and rejected events."""
