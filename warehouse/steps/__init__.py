"""From raw events to splits and contexts, a room a step, each beside its SQL."""
