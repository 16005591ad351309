"""The operator API: what the staff and the systems of the utility do (DESIGN.md section 5)."""
