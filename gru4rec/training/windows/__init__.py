"""What an update reads: which lane reads which event, negatives, dropout; everything random is drawn here."""
