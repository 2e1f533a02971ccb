"""A simulated industrial park: everything that stands in it, and what moves there when."""
