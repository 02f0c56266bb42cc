"""Tables that lie in an object store, with copies on this machine."""
