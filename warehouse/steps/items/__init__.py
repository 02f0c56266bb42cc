"""Raw items become items: one row an item."""
