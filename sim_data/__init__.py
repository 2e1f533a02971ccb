"""Things that do not exist: generated footage and simulated vehicles."""
