"""The asset gru4rec_model: a night's data (data) and its training (train). The job tune: the search for parameters."""
