"""From footage to located observations: readers, camera model, detectors, tracking, evidence."""
