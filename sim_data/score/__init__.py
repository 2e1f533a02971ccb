"""How well incidents and places that were found agree with what is true."""
