"""What is decided on sessions that a member was not fitted on."""
