"""Top-N lists: for a few requests at a time (`recommend`), for millions of users (`stream`), by one core (`lists`)."""
