"""Apache Beam pipelines from footage to incident tables."""
