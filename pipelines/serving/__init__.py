"""The asset recommendations: the lists are made, audited and made visible (publish)."""
