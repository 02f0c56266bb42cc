"""What holds for every asset: its resources, how it fails, what its page and log show, how a night's rows are read."""
