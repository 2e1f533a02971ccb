"""What a patrol's video comes from: streams, files, still pictures and drawn ground."""
