"""What holds for every asset alike: resources, failures, metadata, log lines."""
