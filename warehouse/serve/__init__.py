"""The look-up by HTTP: a user's list of the newest whole night, for whoever cannot read the table itself."""
